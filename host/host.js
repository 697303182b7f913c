// Entry of the isolate host process: loads the addon that lies beside this file and never comes back.
//   node host.js --build-snapshot BUNDLE SNAPSHOT
//   node host.js SNAPSHOT BUILD
"use strict";
const path = require("node:path");
const addon = require(path.join(__dirname, "skerry-host.node"));
const [first, ...rest] = process.argv.slice(2);
if (first === "--build-snapshot") addon.buildSnapshot(rest[0], rest[1]);
else addon.run(first, rest[0]);
