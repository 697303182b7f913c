import add from "./add.wasm";
import same from "./add.wasm?module";
import text from "./deep/page.html";
import readme from "../readme.md";
import data from "./blob.bin";
import { query } from "./deep/query";
import packed from "pkg/text.txt";
const again = require("./deep/page.html");
export default { fetch: () => Response.json([add, same, text, readme, data, query, packed, again]) };
