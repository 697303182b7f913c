// Makes the startup snapshot: loads the addon that lies beside this file. (A host has no files: the supervisor preloads the addon.)
//   node host.js --build-snapshot BUNDLE SNAPSHOT
"use strict";
const path = require("node:path");
const [what, bundle, snapshot] = process.argv.slice(2);
if (what !== "--build-snapshot") throw new Error("usage: node host.js --build-snapshot BUNDLE SNAPSHOT");
require(path.join(__dirname, "skerry-host.node")).buildSnapshot(bundle, snapshot);
