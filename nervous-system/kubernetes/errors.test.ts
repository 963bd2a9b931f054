import { describe, expect, it } from "@jest/globals";
import {
  isAlreadyExists,
  isApiError,
  isConflict,
  isConnectionError,
  isExpired,
  isNotFound,
  parseApiError,
} from "#nervous-system/kubernetes/errors.ts";

describe("API errors", () => {
  it("carry what the Status says, and the request it answers", () => {
    const status = { code: 409, reason: "AlreadyExists", message: 'pods "a" already exists' };
    const error = parseApiError("POST /api/v1/namespaces/n/pods", 409, JSON.stringify(status));
    expect(String(error)).toContain('POST /api/v1/namespaces/n/pods: 409 AlreadyExists: pods "a" already exists');
    expect([isAlreadyExists(error), isConflict(error), isNotFound(error), isExpired(error)]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it("ask to wait by header or by Status", () => {
    expect(parseApiError("GET /", 429, "{}", "2").retryAfterMs).toBe(2000);
    expect(parseApiError("GET /", 500, '{"details":{"retryAfterSeconds":3}}').retryAfterMs).toBe(3000);
    expect(parseApiError("GET /", 500, "{}", "Wed, 21 Oct 2026 07:28:00 GMT").retryAfterMs).toBeUndefined();
  });

  it("survive an answer that is no Status, such as a proxy's page", () => {
    const error = parseApiError("GET /", 502, "<html>Bad gateway</html>");
    expect(error).toMatchObject({ code: 502, reason: "Unknown" });
    expect(String(error)).toContain("Bad gateway");
  });

  it("are told apart from errors of any other kind", () => {
    for (const other of [undefined, null, "text", new Error("x"), { code: 404 }]) {
      expect([isApiError(other), isConnectionError(other), isNotFound(other)]).toEqual([false, false, false]);
    }
  });
});
