"""A report in Chromium: opened from a file at two sizes, clicked, and its console and network read.

usage: look_at_page.py PROGRAM FOLDER FILE...

Makes FOLDER/report.html of FILES with PROGRAM, then leaves pictures of what it looks like beside it: phone and
desktop, light and dark, and a page as it is printed. Exit code 77: there is no browser, or no driver for it.
"""

import base64
import json
import pathlib
import shutil
import subprocess
import sys

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
SKIPPED = 77


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def browser():
    if not (shutil.which("chromium") and shutil.which("chromedriver")):
        skip("chromium or chromedriver is not installed (apt install chromium chromium-driver)")
    try:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service
    except ImportError:
        skip("selenium is not installed (apt install python3-selenium)")
    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                     "--disable-dev-shm-usage", "--disable-background-networking",
                     # Whatever a page would ask a host for does not leave the machine.
                     "--host-resolver-rules=MAP * ~NOTFOUND"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(service=Service(shutil.which("chromedriver")), options=options)


def requests(driver):
    """Addresses that the page has asked for since the last call."""
    urls = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            urls.append(message["params"]["request"]["url"])
    return urls


def check(holds, what):
    if not holds:
        raise AssertionError(what)


def resize(driver, size):
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride",
                           {"width": size[0], "height": size[1], "deviceScaleFactor": 1,
                            "mobile": size[0] < 600})


def picture(driver, path, whole=False):
    shot = driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": whole})
    path.write_bytes(base64.b64decode(shot["data"]))


def check_fits(driver, name):
    width, whole = driver.execute_script(
        "return [document.documentElement.clientWidth, document.documentElement.scrollWidth]")
    check(whole <= width, f"{name}: the page is {whole} wide on a screen of {width}")
    # What a finger or an eye can't meet: pictures beyond the screen, buttons too low to be hit.
    beyond = driver.execute_script(
        "return [...document.querySelectorAll('figure, p, h1, h2, h3')].filter(e =>"
        " e.getBoundingClientRect().right > innerWidth + 1).length")
    check(beyond == 0, f"{name}: {beyond} parts reach beyond the screen")
    low = driver.execute_script(
        "return [...document.querySelectorAll('button')].filter(b =>"
        " b.getBoundingClientRect().height < 30).length")
    check(low == 0, f"{name}: {low} buttons are lower than 30 pixels")
    small = driver.execute_script(
        "return [...document.querySelectorAll('figure svg')].map(s => {"
        " const t = s.querySelector('text'); return t ? t.getBoundingClientRect().height : 99; })"
        ".filter(h => h < 8).length")
    check(small == 0, f"{name}: {small} pictures have text lower than 8 pixels")


def column(driver, table, index):
    return driver.execute_script(
        "return [...arguments[0].tBodies[0].rows].map(r => r.cells[arguments[1]].dataset.v ?? null)",
        table, index)


def check_sorts(driver, name):
    """Clicks the head of each numeric column of the first tables, twice."""
    sorted_columns = 0
    for table in driver.find_elements("css selector", "table")[:6]:
        for index, head in enumerate(table.find_elements("css selector", "th")):
            if "n" not in (head.get_attribute("class") or "").split():
                continue
            button = head.find_element("css selector", "button")
            driver.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})",
                                  button)
            before = column(driver, table, index)
            for direction, backwards in (("ascending", False), ("descending", True)):
                button.click()
                check(head.get_attribute("aria-sort") == direction, f"{name}: no mark of {direction}")
                after = column(driver, table, index)
                numbers = [float(v) for v in after if v is not None]
                check(numbers == sorted(numbers, reverse=backwards), f"{name}: {numbers} not sorted")
                check(after[len(numbers):] == [None] * (len(after) - len(numbers)),
                      f"{name}: what is not known does not come last")
                check(sorted(map(str, before)) == sorted(map(str, after)), f"{name}: rows changed")
            sorted_columns += 1
    check(sorted_columns > 3, f"{name}: only {sorted_columns} columns to sort")


def background(driver):
    return driver.execute_script(
        "return getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")


def contrast(a, b):
    def luminance(colour):
        parts = [c / 255 for c in colour[:3]]
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def check_readable(driver, name):
    """What stands in words and lines of pictures keeps apart from what it stands on."""
    paper = background(driver)
    colours = driver.execute_script(
        "const p = document.createElement('i'); document.body.append(p); const out = {};"
        "for (const c of ['ink', 'soft', 'table', 'measured', 'limit', 'pass']) {"
        " p.style.color = `var(--${c})`; out[c] = getComputedStyle(p).color.match(/\\d+/g).map(Number); }"
        "p.remove(); return out")
    for colour, value in colours.items():
        least = 4.5 if colour in ("ink", "soft", "pass", "limit") else 3
        check(contrast(value, paper) >= least,
              f"{name}: {colour} on the paper has a contrast of {contrast(value, paper):.2f}")
    drawn = driver.execute_script(
        "return [...document.querySelectorAll('figure svg text')].slice(0, 20).map(t =>"
        " getComputedStyle(t).fill.match(/\\d+/g).map(Number))")
    check(drawn, f"{name}: no words in pictures")
    for value in drawn:
        check(contrast(value, paper) >= 4.5, f"{name}: words of a picture can't be read")


def check_theme(driver, name, folder):
    button = driver.find_element("id", "theme")
    for _ in range(2):
        driver.execute_script("scrollTo(0, 0)")
        before = background(driver)
        button.click()
        after = background(driver)
        check((sum(before) > 384) != (sum(after) > 384), f"{name}: the theme stays {before}")
        check_readable(driver, name)
        picture(driver, folder / f"{name}_{'light' if sum(after) > 384 else 'dark'}.png")


def main():
    program, folder, files = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    driver = browser()
    try:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        page = folder / "report.html"
        subprocess.run([program, "report", *files, "-o", page], check=True)
        check(page.stat().st_size < 3e6, f"the page has {page.stat().st_size} bytes")
        for name, size in SIZES.items():
            for theme in ("light", "dark"):  # as the system asks
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {
                    "features": [{"name": "prefers-color-scheme", "value": theme}]})
                resize(driver, size)
                driver.get(page.resolve().as_uri())
                check((sum(background(driver)) > 384) == (theme == "light"),
                      f"{name}: does not follow the system to {theme}")
                check_readable(driver, f"{name}, {theme}")
            check_fits(driver, name)
            check_sorts(driver, name)
            check_theme(driver, name, folder)
            picture(driver, folder / f"{name}_whole.png", whole=True)
            asked = [url for url in requests(driver) if not url.startswith(("file:", "data:"))]
            check(not asked, f"{name}: the page asked for {asked}")
            said = [entry["message"] for entry in driver.get_log("browser")]
            check(not said, f"{name}: the console has {said}")
        printed = driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": False})
        (folder / "printed.pdf").write_bytes(base64.b64decode(printed["data"]))
    finally:
        driver.quit()
    print(f"looked at {page} ({page.stat().st_size} bytes) at {', '.join(SIZES)}")


main()
