"""The 55 model shapes of the Quokka paper (Table 6 of arXiv 2510.03280), and what each convention calls them.

The table is the one of "Scaling Data-Constrained Language Models" (Muennighoff et al. 2023; the values are facts read
from ``utils/model_params.sh`` of github.com/huggingface/datablations). Three names for one model:

* Table 6 prints 12·depth·width², rounded: the nominal parameters of the layers (``N_12Ld2``);
* the file's own names, the keys of ``TABLE_6``, are mostly those of Chinchilla's table, in millions;
* Figure 4 of the Quokka paper counts what is really there: SwiGLU of inner width ⌊8·width/3⌋ rounded down to 64,
  heads·head_size where that differs from the width, one tied embedding (``N_total`` of :func:`quokka_shape`).

The same model is "140M" in Table 6's source, "106M" in Table 6 and "145M" in Figure 4: never fit them together.

One row is inferred. The file has 54 shapes; the table of arXiv 2305.16264 has one more, of 3,090 million parameters as
that paper counts (:func:`source_count`, which gives the printed size of the others). Between its neighbours only width
2,688 and depth 34 have that count; Table 6 has six rows whose heads times head size differ from the width, and the
file has those six, so its heads are 2,688 / 128 = 21.
"""

from __future__ import annotations

from reference_trainer.errors import TrainerError
from reference_trainer.model import Shape

GPT2_VOCABULARY = 50257

# label in millions (source) → width, head size, heads, depth; ffw_size is printed as 4·width in every row
TABLE_6: dict[int, tuple[int, int, int, int]] = {
    7: (128, 32, 4, 3),
    14: (224, 32, 7, 4),
    20: (288, 32, 7, 5),
    35: (448, 32, 7, 6),
    44: (512, 64, 8, 8),
    57: (576, 64, 9, 9),
    74: (640, 64, 10, 10),
    90: (640, 64, 10, 13),
    106: (640, 64, 10, 16),
    117: (768, 64, 12, 12),
    140: (768, 64, 12, 15),
    163: (768, 64, 12, 18),
    175: (896, 64, 14, 14),
    196: (896, 64, 14, 16),
    217: (896, 64, 14, 18),
    251: (1024, 64, 16, 16),
    278: (1024, 64, 16, 18),
    306: (1024, 64, 16, 20),
    425: (1280, 128, 10, 18),
    489: (1280, 128, 10, 21),
    509: (1408, 128, 11, 18),
    552: (1280, 128, 10, 24),
    587: (1408, 128, 11, 21),
    632: (1536, 128, 12, 19),
    664: (1408, 128, 11, 24),
    724: (1536, 128, 12, 22),
    816: (1536, 128, 12, 25),
    893: (1792, 128, 14, 20),
    1018: (1792, 128, 14, 23),
    1143: (1792, 128, 14, 26),
    1266: (2048, 128, 16, 22),
    1424: (2176, 128, 17, 22),
    1429: (2048, 128, 16, 25),
    1593: (2048, 128, 16, 28),
    1609: (2176, 128, 17, 25),
    1731: (2304, 128, 18, 24),
    1794: (2176, 128, 17, 28),
    2007: (2304, 128, 18, 28),
    2283: (2304, 128, 18, 32),
    2298: (2560, 128, 20, 26),
    2639: (2560, 128, 20, 30),
    2980: (2560, 128, 20, 34),
    3090: (2688, 128, 21, 34),  # inferred, see above; its label is the count below
    3530: (2688, 128, 21, 36),
    3802: (2816, 128, 22, 36),
    4084: (2944, 128, 23, 36),
    4516: (3072, 128, 24, 36),
    6796: (3584, 128, 28, 40),
    9293: (4096, 128, 32, 42),
    11452: (4352, 128, 32, 47),
    12295: (4608, 128, 36, 44),
    12569: (4608, 128, 32, 47),
    13735: (4864, 128, 32, 47),
    14940: (4992, 128, 32, 49),
    16183: (5120, 128, 40, 47),
}


def source_count(width: int, depth: int) -> int:
    """Parameters as arXiv 2305.16264 prints them: biases, norms, learned positions and a tied GPT-2 embedding included."""
    layer = 12 * width**2 + 13 * width
    return depth * layer + (GPT2_VOCABULARY + 2048) * width + GPT2_VOCABULARY


def quokka_shape(label: int, *, vocabulary: int = GPT2_VOCABULARY, context: int = 2048, causal: bool = False) -> Shape:
    """Shape of a row of Table 6.

    Parameters
    ----------
    label : int
        The source's name of the model in millions (a key of ``TABLE_6``).
    """
    if label not in TABLE_6:
        raise TrainerError(f"no model labelled {label}M in Table 6; labels: {', '.join(map(str, TABLE_6))}")
    width, head_size, heads, depth = TABLE_6[label]
    return Shape(width, depth, vocabulary, context, head_size, heads, 8 * width // 3 // 64 * 64, causal)
