# SPDX-License-Identifier: Apache-2.0

"""Configuration of Sphinx, which makes a web site of this folder: "make html".

Manual pages are among the sources.  They are made by rst2man, too, and must
stay within what both understand.
"""

project = "ovn-local"
author = "The ovn-local authors"
copyright = author                    # pylint: disable=redefined-builtin

extensions = []
exclude_patterns = ["_build"]
root_doc = "index"

# "::" introduces a shell session or a picture.
highlight_language = "none"

html_theme = "alabaster"
html_theme_options = {"description": "An OVN chassis controller whose load "
                                     "balancers can stay on the chassis"}
