"""Run the cells that standard input holds as JSON in a real kernel; print what each cell displayed, as JSON.

Started in the environment that has Jupyter.
"""

import json
import sys

import nbformat
from nbclient import NotebookClient


def main():
    cells = json.load(sys.stdin)
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(book, timeout=100, kernel_name="python3", allow_errors=True).execute()
    print(json.dumps([cell["outputs"] for cell in book.cells]))


if __name__ == "__main__":
    main()
