"""A page in a browser that notes what it complains of, and what to ask of any page."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

SIDEWAYS = "document.scrollingElement.scrollWidth - innerWidth"
# Text whose contrast with the nearest painted background is below WCAG's AA.
FAINT = """() => {
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = numbers(getComputedStyle(e).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !element.checkVisibility()) continue;
    const [a, b] = [numbers(getComputedStyle(element).color), behind(element)].map(luminance);
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push(`${walker.currentNode.textContent.trim()}: ${ratio.toFixed(1)}`);
  }
  return faint;
}"""


@dataclass
class Reader:
    """A page in a browser; `complaints` are its console errors and what it fetched elsewhere."""

    page: Any
    site: str
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str) -> Any:
        self.page.goto(self.site + address)
        return self.page

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it is now: rule and first element of each."""
        found = Axe().run(self.page).response["violations"]
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def watch(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        # The status of the page itself is what its test asks for.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.complaints.append(message.text)

    def _request(self, request: Any) -> None:
        if not request.url.startswith(self.site) and urlsplit(request.url).scheme != "data":
            self.complaints.append(f"asked for {request.url}")
