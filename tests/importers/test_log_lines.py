"""Rows and facts of printed lines."""

from __future__ import annotations

from quokka_laws.importers.log_lines import parsed, place


def test_blocks_below_a_step() -> None:
    log = parsed(
        [
            "[step=10/100,epoch=0]\n",
            "    train/CE loss=3.5\n",
            "    throughput/total tokens=1,000\n",
            "INFO c4\n",
            "    eval/c4/CE loss=3.6\n",
        ]
    )
    assert [row.get("train/CE loss") for row in log.rows] == [3.5, None]
    assert log.rows[0]["throughput/total tokens"] == 1000
    assert [(row["step"], row["end"]) for row in log.rows] == [(10, 100), (10, 100)]


def test_a_loss_alone_belongs_to_the_step_before() -> None:
    log = parsed(["step 5/10 | loss 4\n", "val loss 3.5\n", "the loss is 2\n"])
    assert [(row["step"], row.get("val loss")) for row in log.rows] == [(5, None), (5, 3.5)]


def test_a_program_before_its_output_is_no_log() -> None:
    source = ["step = 0\n", "    val_loss = 0.0\n", "print(f'step:{step} val_loss:{val_loss}')\n"]
    assert not parsed(source).rows


def test_headings_bars_facts_and_ends() -> None:
    log = parsed(
        ["params: 1,000,000\n", "Epoch 2/3\n", " 5%|# | 5/100 [00:01]\n", "{'loss': 3.0, 'epoch': 1.5}\n", "Killed\n"]
    )
    assert log.facts == [(0, "params", 1e6)]
    assert log.bars == [{100: 5}]
    assert log.rows[0]["epoch"] == 1.5
    assert log.ended == "its log ends in 'Killed'"
    assert parsed(["step 1 loss 3\n", "Killed\n", "step 2 loss 3\n"]).ended == ""


def test_reading_stops_where_enough_is_known() -> None:
    log = parsed((f"step {i} loss 3.0\n" for i in range(1000)), enough=2)
    assert [place(row) for row in log.rows] == [0, 1]


def test_a_line_without_an_end() -> None:
    rows = ["step 1 loss 3.0000\n", "step 2 loss 2.9000\n"]
    assert parsed([*rows, "step 3 loss 2.8"]).cut
    assert not parsed([*rows, "step 3 loss 2.8000"]).cut
