"""Elements of HTML and SVG: made as a tree, so that no text can become markup."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

from lvsdr.model.printable import printable

Child = Element | str | None


def element(tag: str, *children: Child, **attributes: object) -> Element:
    """Return an element; of names, _ stands for - and a last one goes (`class_`)."""
    made = Element(tag)
    for name, value in attributes.items():
        if value is not None:
            made.set(name.rstrip("_").replace("_", "-"), printable(str(value)))
    for child in children:
        if isinstance(child, str):
            _add_text(made, printable(child))
        elif child is not None:
            made.append(child)
    return made


def titled(made: Element, text: str) -> Element:
    """Return an element of SVG with what a pointer that rests on it is told."""
    made.insert(0, element("title", text))
    return made


def svg_text(made: Element) -> str:
    """Return a drawing as a document of its own."""
    return tostring(made, encoding="unicode")


def html_text(made: Element) -> str:
    """Return a page, as HTML has it: elements without content that may have some are closed."""
    return "<!DOCTYPE html>\n" + tostring(made, encoding="unicode", method="html")


def _add_text(made: Element, text: str) -> None:
    if len(made):
        made[-1].tail = (made[-1].tail or "") + text
    else:
        made.text = (made.text or "") + text
