"""Who locks pushed images: taglock, Microsoft's client as its samples use it, and a bare loop as the floor."""
