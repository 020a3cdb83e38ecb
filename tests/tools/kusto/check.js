// Reads Kusto queries from standard input, as a JSON array of texts, and prints, as a JSON array of
// arrays of messages, what the parser has to say of each: of its syntax, and with --names of the
// names in it, too, for which the tables of Log Analytics are declared here with the columns that
// the queries use. That takes much longer.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");

const TABLES = {
  AppTraces: "(TimeGenerated: datetime, Message: string, AppRoleName: string)",
  AppExceptions:
    "(TimeGenerated: datetime, ExceptionType: string, OuterMessage: string, InnermostMessage: string, Details: dynamic, AppRoleName: string)",
  ContainerLogV2: "(TimeGenerated: datetime, LogMessage: dynamic, PodName: string)",
};

const folder = path.join(__dirname, "node_modules", "@kusto", "language-service-next");
const context = vm.createContext({ console });
// In this order, and into one context: the second adds to what the first makes.
for (const name of ["bridge.min.js", "Kusto.Language.Bridge.min.js"]) {
  vm.runInContext(fs.readFileSync(path.join(folder, name), "utf8"), context, { filename: name });
}
context.queries = JSON.parse(fs.readFileSync(0, "utf8"));
context.tables = TABLES;
context.names = process.argv.includes("--names");
const found = vm.runInContext(
  `const L = Kusto.Language, S = L.Symbols;
   const declared = Object.entries(tables).map(
     ([name, columns]) => S.TableSymbol.From(columns).WithName(name));
   const database = new S.DatabaseSymbol.$ctor3("workspace", null, declared, false);
   const globals = L.GlobalState.Default.WithDatabase(database);
   const messages = said => {
     const texts = [];
     for (let at = 0; at < said.Count; at++) texts.push(said.getItem(at).Message);
     return texts;
   };
   queries.map(query => {
     const syntax = messages(L.KustoCode.Parse(query).GetDiagnostics());
     return syntax.length || !names ? syntax
       : messages(L.KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics());
   })`,
  context,
);
process.stdout.write(JSON.stringify(found));
