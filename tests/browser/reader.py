"""A page in a browser that notes what it complains of, and what to ask of any page."""

from dataclasses import dataclass, field
from itertools import product
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe

WIDTHS, SCHEMES = (360, 1280), ("light", "dark")
AXE_AT = ((360, "dark"), (1280, "light"))
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

TELL_OF_POLICY = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""
OPEN = "document.querySelectorAll('details').forEach(one => one.open = true)"
# What a keyboard must reach: links, controls, and what scrolls within its own frame.
CONTROLS = "a[href], button, input, select, textarea, summary, [tabindex='0']"
WATCH_FOCUS = """document.addEventListener("focusin", ({ target }) => {
  const seen = getComputedStyle(target).outlineStyle !== "none";
  const { width, height } = target.getBoundingClientRect();
  target.dataset.reached = seen && width > 0 && height > 0 ? "yes" : "unseen";
})"""
MISSED = """(controls) => [...document.querySelectorAll(controls)].filter((e) =>
  e.checkVisibility() && !e.matches("[type=radio]:not(:checked), :disabled, [tabindex='-1']")
  && e.dataset.reached !== "yes"
).map((e) => `${e.dataset.reached ?? "missed"}: ${e.outerHTML.slice(0, 120)}`)"""


@dataclass
class Reader:
    """A page in a browser; `complaints` are its console errors and what it fetched elsewhere."""

    page: Any
    site: str
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str) -> Any:
        self.page.goto(self.site + address)
        return self.page

    def sideways(self) -> int:
        """By how many pixels the page that is open is wider than its window."""
        return int(self.page.evaluate(SIDEWAYS))

    def faults(self, with_axe: bool = True) -> list[str]:
        """What is wrong with the page that is open, at each width and in each scheme: what it says
        beside, moves sideways, cannot be read, and what axe-core finds.
        """
        found = [] if self.page.locator("h1").count() == 1 else ["not one h1"]
        for details in ("closed", "open"):
            if details == "open":
                self.page.evaluate(OPEN)
            for width, scheme in product(WIDTHS, SCHEMES):
                self.page.set_viewport_size({"width": width, "height": 800})
                self.page.emulate_media(color_scheme=scheme)
                seen = self.page.evaluate(f"[{SIDEWAYS} > 0 ? 'sideways' : [], ({FAINT})()].flat()")
                # Contrast is measured each time; the rest of what axe-core knows, once a width.
                if with_axe and details == "open" and (width, scheme) in AXE_AT:
                    seen += self.violations()
                found += [f"{width} {scheme} {details}: {each}" for each in seen]
        complaints, self.complaints = self.complaints, []
        return [*found, *complaints]

    def missed(self) -> list[str]:
        """The controls of the page that is open which Tab does not reach, or not to be seen."""
        self.page.evaluate(OPEN)
        self.page.evaluate("document.activeElement.blur()")
        self.page.evaluate(WATCH_FOCUS)
        for _ in range(self.page.locator(CONTROLS).count() + 1):
            self.page.keyboard.press("Tab")
        return list(self.page.evaluate(MISSED, CONTROLS))

    def violations(self) -> list[str]:
        """What axe-core finds on the page as it is now: rule and first element of each."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(Axe().axe_script)
        run = "axe.run({resultTypes: ['violations']}).then((found) => found.violations)"
        found = self.page.evaluate(run)
        return [f"{each['id']}: {each['nodes'][0]['html'][:200]}" for each in found]

    def watch(self) -> None:
        self.page.add_init_script(TELL_OF_POLICY)
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
