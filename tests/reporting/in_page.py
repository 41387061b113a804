"""Questions to a page, in JavaScript."""

ROWS_SHOWN = "[...document.querySelectorAll('#findings tbody tr')].filter(row => row.checkVisibility()).length"
SHOWN = "document.getElementById('filter-shown').textContent"
CHOOSE = """
((kind) => {
  const box = document.getElementById("filter-kind");
  box.value = kind;
  box.dispatchEvent(new Event("change"));
})
"""

TEXTS = """
(() => {
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = (color) => {
    const [r, g, b] = channels(color).slice(0, 3).map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      const [, , , alpha = 1] = channels(color);
      if (alpha === 1) return color;
    }
    return "rgb(255, 255, 255)";
  };
  const contrast = (one, other) => {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  };
  document.querySelectorAll("details").forEach((each) => { each.open = true; });
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const found = [];
  while (walker.nextNode()) {
    const text = walker.currentNode.data.trim();
    const element = walker.currentNode.parentElement;
    if (!text || !element.checkVisibility() || element.closest("script, title, desc")) continue;
    const style = getComputedStyle(element);
    found.push({
      text,
      size: parseFloat(style.fontSize) * (element.ownerSVGElement ? element.getScreenCTM().a : 1),
      contrast: contrast(element.ownerSVGElement ? style.fill : style.color, behind(element)),
    });
  }
  return found;
})()
"""
TOO_WIDE = """
[...document.querySelectorAll("body *")]
  .filter((each) => !each.closest(".wide, svg") && each.getBoundingClientRect().right > innerWidth + 0.5)
  .map((each) => each.outerHTML.slice(0, 80))
"""
COLOURS = """
[...document.querySelectorAll("header, header *, [aria-labelledby=coverage] *")].flatMap((each) => {
  const style = getComputedStyle(each);
  return [style.color, style.backgroundColor, style.borderTopColor, each.tagName === "rect" ? style.fill : ""];
})
"""
GREEN = """
(() => {
  const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
  rect.setAttribute("class", "good");
  document.querySelector("svg").append(rect);
  const fill = getComputedStyle(rect).fill;
  rect.remove();
  return fill;
})()
"""
SUBJECTS = "[...document.querySelectorAll('#findings td:nth-child(2) > code')].map((each) => each.textContent)"
IMAGE_ROLES = ("image", "img", "graphics-document")
