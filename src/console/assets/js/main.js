// @ts-check
// The start of the page: who is signed in, and which page the address names.

import { ApiProblem } from "./api.js";
import { auditPage } from "./audit.js";
import { h, replace } from "./dom.js";
import { endpointPage } from "./endpoint.js";
import { flowPage, flowsPage } from "./flows.js";
import { notFoundPage } from "./not-found.js";
import { operationsPage } from "./operations.js";
import { failureView } from "./parts.js";
import { otherwise, route, start } from "./router.js";
import { loadMe, rememberPlace } from "./session.js";
import { plainFrame } from "./shell.js";
import { signInPage } from "./sign-in.js";
import { tokensPage } from "./tokens.js";
import { searchKey, triggersPage } from "./triggers.js";

route(/^\/$/u, triggersPage);
route(/^\/sign-in$/u, signInPage);
route(/^\/endpoints\/([^/]+)(?:\/([a-z]+))?$/u, endpointPage);
route(/^\/flows$/u, flowsPage);
route(/^\/flows\/([^/]+)$/u, flowPage);
route(/^\/operations$/u, operationsPage);
route(/^\/audit$/u, auditPage);
route(/^\/tokens$/u, tokensPage);
otherwise(notFoundPage);

document.addEventListener("keydown", searchKey);

async function begin() {
  if (location.pathname !== "/sign-in") {
    try {
      await loadMe();
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 401) {
        rememberPlace();
        history.replaceState(null, "", "/sign-in");
      } else {
        const main = plainFrame("Not reachable");
        replace(main, h("h1", { class: "sr" }, "Portcullis"), failureView("The console could not be loaded", error, () => location.reload()));
        return;
      }
    }
  }
  start();
}

void begin();
