# SPDX-License-Identifier: Apache-2.0
"""Reading of XML that may come from anywhere: no entities, no external documents."""

from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from ...errors import FormatError, MissingFileError


def read_xml(path, root_tag: str) -> Element:
    """Root element of an XML file.

    Args:
        path (str | Path): The file.
        root_tag (str): Name that the root element must have.

    Raises:
        MissingFileError: There is no such file.
        FormatError: It is not XML, defines entities, or has another root element.
    """
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import parse

    path = Path(path)
    if not path.is_file():
        raise MissingFileError(f'{path}: file not found')
    try:
        root = parse(path, forbid_dtd=False).getroot()
    except (ParseError, DefusedXmlException, LookupError, ValueError) as error:
        raise FormatError(path, f'XML with the root element {root_tag}', error) from error
    if root.tag != root_tag:
        raise FormatError(path, f'XML with the root element {root_tag}', f'<{root.tag}>')
    return root
