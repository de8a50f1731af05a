/* eslint-disable */
/**
 * Generated `api` utility.
 *
 * THIS CODE IS AUTOMATICALLY GENERATED.
 *
 * To regenerate, run `npx convex dev`.
 * @module
 */

import type {
  ApiFromModules,
  FilterApi,
  FunctionReference,
} from "convex/server";
import type * as access from "../access.js";
import type * as apiKeys from "../apiKeys.js";
import type * as crons from "../crons.js";
import type * as entries from "../entries.js";
import type * as garbage from "../garbage.js";
import type * as http from "../http.js";
import type * as httpCalls from "../httpCalls.js";
import type * as model_append from "../model/append.js";
import type * as model_asking from "../model/asking.js";
import type * as model_checks from "../model/checks.js";
import type * as model_fence from "../model/fence.js";
import type * as model_handOver from "../model/handOver.js";
import type * as model_holding from "../model/holding.js";
import type * as model_indexing from "../model/indexing.js";
import type * as model_inherit from "../model/inherit.js";
import type * as model_keys from "../model/keys.js";
import type * as model_lineage from "../model/lineage.js";
import type * as model_missing from "../model/missing.js";
import type * as model_openSync_apiSession from "../model/openSync/apiSession.js";
import type * as model_openSync_push from "../model/openSync/push.js";
import type * as model_openSync_told from "../model/openSync/told.js";
import type * as model_openSync_update from "../model/openSync/update.js";
import type * as model_passageText from "../model/passageText.js";
import type * as model_passages from "../model/passages.js";
import type * as model_present from "../model/present.js";
import type * as model_promptWords from "../model/promptWords.js";
import type * as model_prompting from "../model/prompting.js";
import type * as model_reading from "../model/reading.js";
import type * as model_searching from "../model/searching.js";
import type * as model_secrets from "../model/secrets.js";
import type * as model_sessions from "../model/sessions.js";
import type * as model_snippets from "../model/snippets.js";
import type * as model_streaming from "../model/streaming.js";
import type * as model_token from "../model/token.js";
import type * as model_totals from "../model/totals.js";
import type * as model_views from "../model/views.js";
import type * as openSync from "../openSync.js";
import type * as openSyncReading from "../openSyncReading.js";
import type * as passages from "../passages.js";
import type * as presence from "../presence.js";
import type * as prompts from "../prompts.js";
import type * as questions from "../questions.js";
import type * as removal from "../removal.js";
import type * as routes_api from "../routes/api.js";
import type * as routes_markdown from "../routes/markdown.js";
import type * as routes_messages from "../routes/messages.js";
import type * as routes_params from "../routes/params.js";
import type * as routes_posted from "../routes/posted.js";
import type * as routes_reading from "../routes/reading.js";
import type * as routes_search from "../routes/search.js";
import type * as routes_storing from "../routes/storing.js";
import type * as routes_sync from "../routes/sync.js";
import type * as search from "../search.js";
import type * as sessions from "../sessions.js";
import type * as signIn from "../signIn.js";
import type * as streams from "../streams.js";
import type * as turnLock from "../turnLock.js";
import type * as users from "../users.js";

/**
 * A utility for referencing Convex functions in your app's API.
 *
 * Usage:
 * ```js
 * const myFunctionReference = api.myModule.myFunction;
 * ```
 */
declare const fullApi: ApiFromModules<{
  access: typeof access;
  apiKeys: typeof apiKeys;
  crons: typeof crons;
  entries: typeof entries;
  garbage: typeof garbage;
  http: typeof http;
  httpCalls: typeof httpCalls;
  "model/append": typeof model_append;
  "model/asking": typeof model_asking;
  "model/checks": typeof model_checks;
  "model/fence": typeof model_fence;
  "model/handOver": typeof model_handOver;
  "model/holding": typeof model_holding;
  "model/indexing": typeof model_indexing;
  "model/inherit": typeof model_inherit;
  "model/keys": typeof model_keys;
  "model/lineage": typeof model_lineage;
  "model/missing": typeof model_missing;
  "model/openSync/apiSession": typeof model_openSync_apiSession;
  "model/openSync/push": typeof model_openSync_push;
  "model/openSync/told": typeof model_openSync_told;
  "model/openSync/update": typeof model_openSync_update;
  "model/passageText": typeof model_passageText;
  "model/passages": typeof model_passages;
  "model/present": typeof model_present;
  "model/promptWords": typeof model_promptWords;
  "model/prompting": typeof model_prompting;
  "model/reading": typeof model_reading;
  "model/searching": typeof model_searching;
  "model/secrets": typeof model_secrets;
  "model/sessions": typeof model_sessions;
  "model/snippets": typeof model_snippets;
  "model/streaming": typeof model_streaming;
  "model/token": typeof model_token;
  "model/totals": typeof model_totals;
  "model/views": typeof model_views;
  openSync: typeof openSync;
  openSyncReading: typeof openSyncReading;
  passages: typeof passages;
  presence: typeof presence;
  prompts: typeof prompts;
  questions: typeof questions;
  removal: typeof removal;
  "routes/api": typeof routes_api;
  "routes/markdown": typeof routes_markdown;
  "routes/messages": typeof routes_messages;
  "routes/params": typeof routes_params;
  "routes/posted": typeof routes_posted;
  "routes/reading": typeof routes_reading;
  "routes/search": typeof routes_search;
  "routes/storing": typeof routes_storing;
  "routes/sync": typeof routes_sync;
  search: typeof search;
  sessions: typeof sessions;
  signIn: typeof signIn;
  streams: typeof streams;
  turnLock: typeof turnLock;
  users: typeof users;
}>;
export declare const api: FilterApi<
  typeof fullApi,
  FunctionReference<any, "public">
>;
export declare const internal: FilterApi<
  typeof fullApi,
  FunctionReference<any, "internal">
>;
