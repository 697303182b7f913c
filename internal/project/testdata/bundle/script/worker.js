import { answer } from "./answer";
import text from "./text.txt";
import data from "./data.bin";
addEventListener("fetch", (event) => event.respondWith(new Response(answer + text + data.byteLength)));
