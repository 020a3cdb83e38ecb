// A server on standard input and output: each line that comes is a JSON object with "queries", a list
// of Kusto texts, and "names"; each line that goes is a JSON list with, for each query, the messages
// that Microsoft's parser has for it. They are of its syntax, and with "names" of the names in it,
// too, for which the tables of Log Analytics are declared here with the columns that we use.
"use strict";
const fs = require("fs");
const path = require("path");
const readline = require("readline");
const vm = require("vm");

const TABLES = {
  AppTraces: "(TimeGenerated: datetime, Message: string, AppRoleName: string)",
  AppExceptions:
    "(TimeGenerated: datetime, ExceptionType: string, OuterMessage: string, InnermostMessage: string, Details: dynamic, AppRoleName: string)",
  ContainerLogV2: "(TimeGenerated: datetime, LogMessage: dynamic, PodName: string)",
};

const folder = path.join(__dirname, "node_modules", "@kusto", "language-service-next");
const context = vm.createContext({ console, tables: TABLES });
// In this order, and into one context: the second adds to what the first makes.
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInContext(fs.readFileSync(path.join(folder, name), "utf8"), context, { filename: name });
}
const check = vm.runInContext(
  `(() => {
    const L = Kusto.Language, S = L.Symbols;
    const declared = Object.entries(tables).map(
      ([name, columns]) => S.TableSymbol.From(columns).WithName(name));
    const database = new S.DatabaseSymbol.$ctor3("workspace", null, declared, false);
    const globals = L.GlobalState.Default.WithDatabase(database);
    const messages = said => {
      const texts = [];
      for (let at = 0; at < said.Count; at++) texts.push(said.getItem(at).Message);
      return texts;
    };
    return (query, names) => {
      const syntax = messages(L.KustoCode.Parse(query).GetDiagnostics());
      return syntax.length || !names ? syntax
        : messages(L.KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics());
    };
  })()`,
  context,
);
readline.createInterface({ input: process.stdin }).on("line", (line) => {
  const asked = JSON.parse(line);
  const found = asked.queries.map((query) => check(query, Boolean(asked.names)));
  process.stdout.write(JSON.stringify(found) + "\n");
});
