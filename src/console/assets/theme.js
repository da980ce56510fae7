// @ts-check
// Sets the theme before the first paint, so this script blocks. The switch in the account menu stores the choice.
(() => {
  "use strict";
  try {
    const theme = localStorage.getItem("portcullis-theme");
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
  } catch {
    // Storage is off: the theme follows the system.
  }
})();
