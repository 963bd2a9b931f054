// P19, the program: an agent that asks its model a number of times, reads each answer and now and then changes a file.
import { appendFile } from "node:fs/promises";

const calls = Number(process.argv[2]);
const { OPENAI_BASE_URL: url, OPENAI_API_KEY: key } = process.env;

for (let call = 0; call < calls; call += 1) {
  const response = await fetch(`${url}/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
    body: JSON.stringify({ model: "m", stream: true, messages: [{ role: "user", content: "Go on. ".repeat(400) }] }),
  });
  const text = await response.text();
  if (!text.includes("[DONE]")) throw new Error(`call ${call} was not answered: ${text.slice(0, 200)}`);
  if (call % 10 === 0) await appendFile(`file-${call}.txt`, `call ${call}\n`);
}
