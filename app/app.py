from quokka_laws.app.page import main

main()
