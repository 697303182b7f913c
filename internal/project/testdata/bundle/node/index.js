import { Buffer } from "node:buffer";
import path from "path";
import { DurableObject } from "cloudflare:workers";
import name from "original";
import os from "platform";
const util = require("util");
export class Room extends DurableObject {}
export default { fetch: () => new Response([Buffer, path, name, os, util, VERSION, process.env.NODE_ENV].join()) };
