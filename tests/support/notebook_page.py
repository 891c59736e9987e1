"""A notebook in a JupyterLab window, as a person sees and uses it. Used by the browser tests."""

from __future__ import annotations

from pathlib import Path

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.remote.webelement import WebElement

from tests.support.jupyter_lab import LabServer, requested_urls, wait_until

_PANEL = "[...jupyterapp.shell.widgets('main')][0]"
CARD = ".jp-OutputArea-output .spk-card"


class NotebookPage:
    """The window of one notebook."""

    def __init__(self, driver: Chrome, lab: LabServer, screenshots: Path) -> None:
        self.driver = driver
        self.lab = lab
        self._screenshots = screenshots

    def open(self, notebook: str) -> None:
        """Open the notebook and wait until its cells are there."""
        self.driver.get(self.lab.page(notebook))
        self.wait_for(".jp-Notebook .jp-Cell", seconds=60.0)

    def open_without_kernel(self, notebook: str) -> None:
        """Open a notebook whose kernel is not installed, and choose to have none."""
        self.open(notebook)
        self.press("No Kernel")
        wait_until("the dialog has gone", lambda: not self.all(".jp-Dialog"))
        self.rest_pointer()

    def open_with_kernel(self, notebook: str) -> None:
        """Open a notebook and wait until its kernel takes orders."""
        self.open(notebook)
        connected = f"const session = {_PANEL}.sessionContext; return session.isReady && !!session.session?.kernel"
        wait_until("the kernel is there", lambda: self.driver.execute_script(connected), 60.0)

    def run_all_cells(self) -> None:
        """Start to run the notebook; does not wait."""
        self.driver.execute_script("jupyterapp.commands.execute('notebook:run-all-cells')")

    def run_cell(self, index: int) -> None:
        """Start to run the cell at ``index``, from 0; does not wait."""
        self.driver.execute_script(
            f"{_PANEL}.content.activeCellIndex = arguments[0]; jupyterapp.commands.execute('notebook:run-cell')", index
        )

    def output(self, index: int) -> str:
        """What stands below the cell at ``index`` now, with single spaces."""
        areas = self.all(f".jp-Notebook .jp-Cell:nth-of-type({index + 1}) .jp-OutputArea")
        return " ".join(areas[0].text.split()) if areas else ""

    def save(self) -> None:
        """Save the notebook and wait until that is done."""
        self.driver.execute_async_script(
            "const done = arguments[0]; jupyterapp.commands.execute('docmanager:save').then(done, done)"
        )

    def leave(self) -> None:
        """Close the notebook, with whatever the test left in it, and forget what the browser asked for."""
        # Without its question about changes that are not saved.
        self.driver.execute_script("window.addEventListener('beforeunload', e => e.stopImmediatePropagation(), true)")
        self.driver.get("about:blank")
        requested_urls(self.driver)

    def press(self, label: str) -> None:
        """Press the button that says ``label``, in a dialog if there is one."""

        def button() -> WebElement | None:
            return next((found for found in self.all(".jp-Dialog button, button") if self._says(found, label)), None)

        self.click(wait_until(f"a button «{label}»", button))

    def all(self, selector: str) -> list[WebElement]:
        """Everything that matches the CSS selector now."""
        return self.driver.find_elements("css selector", selector)

    def wait_for(self, selector: str, seconds: float = 30.0) -> WebElement:
        """The first element that matches, as soon as there is one that can be seen."""

        def visible() -> WebElement | None:
            try:
                return next((found for found in self.all(selector) if found.is_displayed()), None)
            except StaleElementReferenceException:
                return None

        found: WebElement = wait_until(f"something that matches {selector}", visible, seconds)
        return found

    def text(self, selector: str, seconds: float = 30.0) -> str:
        """The text of the first match, with single spaces."""
        return " ".join(self.wait_for(selector, seconds).text.split())

    def rest_pointer(self) -> None:
        """Put the pointer into the window's corner, where it shows no tooltip."""
        actions = ActionChains(self.driver)
        actions.w3c_actions.pointer_action.move_to_location(2, 2)
        actions.perform()

    def hover(self, element: WebElement) -> None:
        """Put the pointer on the middle of ``element``."""
        self.bring_into_view(element)
        ActionChains(self.driver).move_to_element(element).perform()

    def click(self, element: WebElement) -> None:
        """Put the pointer on the middle of ``element`` and click."""
        ActionChains(self.driver).move_to_element(element).click().perform()

    def bring_into_view(self, element: WebElement) -> None:
        """Scroll such that ``element`` stands in the middle of the window."""
        self.driver.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)

    def has_theme(self, *, light: bool) -> bool:
        """Whether the page has the light, or the dark theme."""
        flag = self.driver.execute_script("return document.body.dataset.jpThemeLight")
        return bool(flag == ("true" if light else "false"))

    def contrast(self, selector: str) -> float:
        """How far the colour of the first match's text stands out from the ground it is on; 4.5 is easily legible.

        The ratio of WCAG 2: relative luminances plus 0.05, the lighter one divided by the darker one.
        """
        colours = self.driver.execute_script(_COLOURS, self.wait_for(selector))
        lighter, darker = sorted((_luminance(colour) for colour in colours), reverse=True)
        return (lighter + 0.05) / (darker + 0.05)

    def screenshot(self, name: str) -> None:
        """Keep what the window shows, for a person to look at."""
        assert self.driver.save_screenshot(str(self._screenshots / f"{name}.png"))

    @staticmethod
    def _says(element: WebElement, label: str) -> bool:
        try:
            return element.is_displayed() and element.text.strip() == label
        except StaleElementReferenceException:
            return False


def _luminance(colour: list[float]) -> float:
    linear = [(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4) for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# Text and ground as the browser paints them, each as red, green and blue from 0 to 1. The ground is the nearest
# background that is not transparent; in the picture it is the shape that lies under the text.
_COLOURS = """
const text = arguments[0];
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
function paint(colours) {
  canvas.clearRect(0, 0, 1, 1);
  for (const colour of colours) { canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1); }
  return Array.from(canvas.getImageData(0, 0, 1, 1).data.slice(0, 3), part => part / 255);
}
const inPicture = text instanceof SVGElement;
const grounds = [];
for (let at = text; at; at = at.parentElement) grounds.unshift(getComputedStyle(at).backgroundColor);
if (inPicture) {
  const box = text.getBoundingClientRect();
  const shapes = [...text.ownerSVGElement.querySelectorAll('rect, path, polygon')].filter(shape => {
    const around = shape.getBoundingClientRect();
    return around.left <= box.left && around.right >= box.right && around.top <= box.top && around.bottom >= box.bottom
      && getComputedStyle(shape).display !== 'none' && getComputedStyle(shape).fill !== 'none';
  });
  grounds.push(...shapes.map(shape => getComputedStyle(shape).fill));
}
const style = getComputedStyle(text);
return [paint(grounds), paint([...grounds, inPicture ? style.fill : style.color])];
"""
