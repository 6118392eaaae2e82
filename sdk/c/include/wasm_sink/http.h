/// Requests to a web service, for a sink.toml with `capabilities = ["http"]`.
///
/// The connection has the service's address, its credentials, and how long to wait. The host sends again where the
/// service is away, throttles or fails, and where that lasts, the epoch comes again: a service may get the same rows
/// more than once, with the same key in the header Idempotency-Key as long as rows, path and body are the same.
///
/// Return any error but `invalid`: it dooms the epoch anyway.

#ifndef WASM_SINK_HTTP_H
#define WASM_SINK_HTTP_H

#include <string.h>

#include "batch.h"

#ifndef WASM_SINK_MAY_HTTP
#error "sink.toml does not name this capability; it needs: capabilities = [\"http\"]"
#endif

/// A web service, as long as the instance.
typedef struct ws_http_service {
    int32_t handle;
} ws_http_service;

/// POST is first, so that it is the method where none is said.
typedef enum ws_http_method {
    WS_HTTP_POST,
    WS_HTTP_GET,
    WS_HTTP_HEAD,
    WS_HTTP_PUT,
    WS_HTTP_PATCH,
    WS_HTTP_DELETE,
} ws_http_method;

typedef struct ws_http_header {
    const char *name;
    const char *value;
} ws_http_header;

typedef struct ws_http_headers {
    const ws_http_header *at;
    size_t count;
} ws_http_headers;

/// Headers in place: `WS_HTTP_HEADERS({"X-Kind", "orders"}, {"X-Of", "shop"})`.
#define WS_HTTP_HEADERS(...)                                                                                           \
    ((ws_http_headers){(const ws_http_header[]){__VA_ARGS__},                                                          \
                       sizeof((const ws_http_header[]){__VA_ARGS__}) / sizeof(ws_http_header)})

/// What is sent.
typedef struct ws_http_request {
    ws_http_method method;
    /// Below the connection's address, with its query: "events?source=orders". NULL: the address itself.
    const char *path;
    /// Beside those of the connection. Credentials, lengths and the like are the host's to set.
    ws_http_headers headers;
    /// What the body is, such as "application/json". NULL: not said, or among `headers`.
    const char *content_type;
    /// As it is.
    ws_bytes body;
} ws_http_request;

/// What the service answered: every status but those with which the host sends again.
typedef struct ws_http_response {
    uint16_t status;
    /// With names in lower case.
    ws_http_headers headers;
    /// A zero stands behind it.
    ws_bytes body;
    /// Whether there was more than the connection's `max_response_bytes`.
    bool is_cut;
    /// The request's method and path, for messages.
    const char *to;
} ws_http_response;

/// `connection` is a role in `[sink]`, such as "default".
WS_CHECKED ws_status ws_http_open(const char *connection, ws_http_service *service);
/// Sends a request that carries these rows. Where the response is not ok, they are not delivered: send them in another
/// way, reject or skip them, or return what `ws_http_expect_ok` answers.
WS_CHECKED ws_status ws_http_send(ws_http_service service, ws_batch rows, ws_http_request request,
                                  ws_http_response *response);
/// `ws_http_send` with POST.
WS_CHECKED ws_status ws_http_post(ws_http_service service, ws_batch rows, const char *path, const char *content_type,
                                  ws_bytes body, ws_http_response *response);
/// Sends a request that carries no rows, to look something up.
WS_CHECKED ws_status ws_http_ask(ws_http_service service, ws_http_request request, ws_http_response *response);
/// `ws_http_ask` with GET.
WS_CHECKED ws_status ws_http_get(ws_http_service service, const char *path, ws_http_response *response);

/// The bytes of a text, for a body.
static inline ws_bytes ws_http_text(const char *text)
{
    return (ws_bytes){(const unsigned char *)text, strlen(text)};
}

/// Whether the status is 200 to 299: what was sent with rows is delivered.
bool ws_http_is_ok(const ws_http_response *response);
/// WS_OK where it is; else `rejected`, with the status and the beginning of the body.
WS_CHECKED ws_status ws_http_expect_ok(const ws_http_response *response);
/// The value of a header, by its name in whatever case; of several, joined by commas. NULL: there is none.
const char *ws_http_header_of(const ws_http_response *response, const char *name);
/// The body, parsed. One that is no JSON, or was cut off: `rejected`.
WS_CHECKED ws_status ws_http_json(const ws_http_response *response, const ws_json **value);

/// How rows are delivered.
typedef struct ws_http_delivery {
    const char *path;
    ws_http_method method;
    ws_http_headers headers;
    /// What the bodies are. NULL: "application/json", unless it is among `headers`.
    const char *content_type;
    /// So many rows are in a request at most; 0: all.
    uint32_t at_most;
    /// Makes the body for rows, in memory as `ws_alloc` gives it. NULL: a JSON array, as `ws_json_array` makes it.
    ws_status (*make)(void *context, ws_batch rows, ws_bytes *body);
    /// For `make`.
    void *context;
} ws_http_delivery;

/// Sends rows until each is delivered or a dead letter. Where the service answers 413 (too much), 400 or 422 (wrong),
/// each half of the rows is sent by itself; a row that is refused alone is rejected, with status and beginning of the
/// body as the reason. Any other status that is not ok: `rejected`, for the whole.
WS_CHECKED ws_status ws_http_deliver(ws_http_service service, ws_batch rows, ws_http_delivery how);

#endif
