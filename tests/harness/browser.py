"""A page in headless Chromium, by the WebDriver protocol (W3C, 2018): steps in, what was found out.

stdin: {"driver": PATH, "steps": [[WORD, ARGUMENT...], ...]}; stdout: the answers of `texts`, `count` and `title`.
"""

import base64
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
LIMIT_S = 30
CHROMIUM = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--window-size=1280,1600",
]


class Driver:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "--port=0"], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if "started successfully on port" in line:
                port = line.rstrip().rstrip(".").rsplit(" ", 1)[1]
                break
        else:
            raise SystemExit("chromedriver did not start")
        self.base = f"http://127.0.0.1:{port}/session"
        self.profile = tempfile.TemporaryDirectory()
        options = {"args": [*CHROMIUM, f"--user-data-dir={self.profile.name}"]}
        asked = {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}}
        self.base += "/" + self.ask("POST", "", asked)["sessionId"]

    def ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.base + path, data, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{method} {path}: {error.read().decode()}")

    def find(self, css):
        found = self.ask("POST", "/elements", {"using": "css selector", "value": css})
        return [element[ELEMENT] for element in found]

    # A page that is drawn anew meanwhile takes its elements with it: one script asks for all at once.
    def texts(self, css):
        script = "return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)"
        return self.ask("POST", "/execute/sync", {"script": script, "args": [css]})

    def close(self):
        self.ask("DELETE", "")
        self.process.terminate()
        self.process.wait()


def run(driver, step):
    word, *arguments = step
    match word:
        case "open":
            driver.ask("POST", "/url", {"url": arguments[0]})
        case "await":
            css, wanted = arguments
            deadline = time.monotonic() + LIMIT_S
            while not any(wanted in text for text in driver.texts(css)):
                if time.monotonic() > deadline:
                    raise SystemExit(f"no {wanted!r} in {css}: {driver.texts('body')}")
                time.sleep(0.05)
        case "type":
            css, text = arguments
            driver.ask("POST", f"/element/{driver.find(css)[0]}/value", {"text": text})
        case "click":
            driver.ask("POST", f"/element/{driver.find(arguments[0])[0]}/click", {})
        case "texts":
            return driver.texts(arguments[0])
        case "title":
            return driver.ask("GET", "/title")
        case "markup":
            return driver.ask("GET", "/source")
        case "console":
            return [entry["message"] for entry in driver.ask("POST", "/se/log", {"type": "browser"})]
        case "picture":
            with open(arguments[0], "wb") as file:
                file.write(base64.b64decode(driver.ask("GET", "/screenshot")))
        case _:
            raise SystemExit(f"no such step: {word}")


def main():
    question = json.load(sys.stdin)
    driver = Driver(question["driver"])
    try:
        answers = [run(driver, step) for step in question["steps"]]
    finally:
        driver.close()
    json.dump([answer for answer in answers if answer is not None], sys.stdout)


main()
