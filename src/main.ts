#!/usr/bin/env node
/** The bin. Only what is loaded from here on is kept: whatever it needs itself, node compiles at every start. */
import { keepCompiled } from "./compiled.ts";

keepCompiled();
await import("./commands/dispatch.ts");
