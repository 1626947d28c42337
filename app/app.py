"""The page as a host runs it: `streamlit run app.py`."""

from quokka_laws.app.page import main

if __name__ == "__main__":  # the process that works for a session imports this file too
    main()
