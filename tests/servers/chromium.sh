# Chromium and the program that drives it, from Debian's packages: the status page is looked at in a real browser.
chromium() {
  need chromium chromium
  need chromedriver chromium-driver
}
chromium_path() { command -v chromedriver; }
