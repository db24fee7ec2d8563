"""``make screenshots``: every page of the web interface at three widths, and some in the dark."""

import shutil
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import Page

from tests.browser import chromium, scenes
from tests.browser.visitors import visiting
from tests.support.grid import Grid

WIDTHS = {"wide": 1280, "middle": 768, "narrow": 360}
DARK = {"jobs", "job", "menu"}
# A list goes on as it begins.
TALLEST = 1500


def take(page: Page, directory: Path, name: str, address: str) -> None:
    """The pictures of one page."""
    for word, width in WIDTHS.items():
        for scheme in ("light", "dark") if name in DARK else ("light",):
            page.set_viewport_size({"width": width, "height": 800})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
            page.goto(address)
            file = f"{name}-{word}{'-dark' if scheme == 'dark' else ''}.png"
            height = min(TALLEST, int(page.evaluate("document.documentElement.scrollHeight")))
            clip = {"x": 0, "y": 0, "width": width, "height": height}
            page.screenshot(path=directory / file, full_page=True, clip=clip)  # type: ignore[arg-type]
            print(directory / file)


def shrink(directory: Path) -> None:
    """Make the files less than half as large, where pngquant is installed."""
    if shutil.which("pngquant"):
        options = ["--force", "--ext", ".png", "--skip-if-larger", "--quality", "80-100", "--strip"]
        files = [str(file) for file in sorted(directory.glob("*.png"))]
        # It ends with 98 or 99 for a picture that it leaves as it is.
        subprocess.run(["pngquant", *options, *files], check=False, timeout=600)


def main() -> None:
    """Take all pictures into the directory that is named."""
    if chromium.missing():
        sys.exit(f"{chromium.missing()} is missing")
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    grid = Grid()
    try:
        grid.start()
        grid.clear()
        jobs = scenes.play(grid)
        with visiting(grid) as visitors:
            page = visitors.page()
            for name in scenes.NAMES:
                take(page, directory, name, scenes.address(visitors, name, jobs))
            administrator = visitors.page("root@desk", ("admin",))
            for name, path in scenes.ADMINISTRATION.items():
                take(administrator, directory, name, f"{visitors.base}/{path}")
        shrink(directory)
    finally:
        grid.remove()


if __name__ == "__main__":
    main()
