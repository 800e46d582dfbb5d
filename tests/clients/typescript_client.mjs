// The TypeScript SDK's client against one server: `FOLDER stdio COMMAND ARG…` or `FOLDER http URL`, where FOLDER
// has the node_modules. Prints what each tool answered as one JSON object.
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [folder, kind, ...target] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const load = (path) => import(pathToFileURL(require.resolve(`@modelcontextprotocol/sdk/${path}`)));
const { Client } = await load("client/index.js");
const { StdioClientTransport } = await load("client/stdio.js");
const { StreamableHTTPClientTransport } = await load("client/streamableHttp.js");

const transport =
  kind === "stdio"
    ? new StdioClientTransport({ command: target[0], args: target.slice(1) })
    : new StreamableHTTPClientTransport(new URL(target[0]));
const client = new Client({ name: "typescript-client", version: "1" });
await client.connect(transport);

// Listing first makes the client check every answer against its tool's output schema.
const { tools } = await client.listTools();
const call = (name, input) => client.callTool({ name, arguments: input });
const answers = {
  tools: tools.map((tool) => tool.name),
  search: await call("search_capabilities", { query: "x" }),
  run: await call("run_capability", { id: "echo", input: { text: "a", none: null } }),
  failed: await call("run_capability", { id: "missing" }),
  refused: await call("mutate_capability", { source: "broken" }),
  mutate: await call("mutate_capability", { task: "x" }),
};
await client.close();
console.log(JSON.stringify(answers));
