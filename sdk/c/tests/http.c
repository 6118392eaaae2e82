// Requests to a web service, with a host that is made here: it answers as each test says, and keeps what it was sent.
// Its rows are numbers from 0 on.

#define WASM_SINK_MAY_HTTP
#include "wasm_sink/http.h"

#include "arena.h"
#include "host.h"
#include "test.h"

enum { ROWS = 100, REQUESTS = 100 };

static struct rows {
    uint32_t first, count;
} rows[ROWS];
static int32_t rows_made;

static struct request {
    bool has_rows;
    struct rows rows;
    wasm_sink_http_http_method_t method;
    const char *path, *headers, *body;
} sent[REQUESTS];
static int sent_count;

static struct letter {
    struct rows rows;
    const char *reason;
} letters[ROWS];
static int letter_count;

/// What the service answers: a status, or an error where it is 0.
static int (*status_for)(struct rows rows);
static const char *answer_body = "";
static wasm_sink_http_http_list_header_t answer_headers;

static host_string_t handed(const char *text)
{
    return (host_string_t){(uint8_t *)(uintptr_t)text, strlen(text)};
}

static ws_batch batch_of(uint32_t first, uint32_t count)
{
    rows[rows_made] = (struct rows){first, count};
    return rows_from_host((host_rows){rows_made++});
}

// What the bindings call.

wasm_sink_sink_types_borrow_batch_t wasm_sink_sink_types_borrow_batch(wasm_sink_sink_types_own_batch_t batch)
{
    return (wasm_sink_sink_types_borrow_batch_t){batch.__handle};
}

void wasm_sink_sink_types_batch_drop_own(wasm_sink_sink_types_own_batch_t batch)
{
    rows[batch.__handle].count = 0;
}

wasm_sink_http_http_borrow_service_t wasm_sink_http_http_borrow_service(wasm_sink_http_http_own_service_t service)
{
    return (wasm_sink_http_http_borrow_service_t){service.__handle};
}

bool wasm_sink_http_http_static_service_open(host_string_t *connection, wasm_sink_http_http_own_service_t *service,
                                             wasm_sink_http_http_error_t *error)
{
    service->__handle = 7;
    *error = (host_error){.kind = WASM_SINK_SINK_TYPES_ERROR_KIND_DENIED, .message = handed("there is no such role")};
    return connection->len == 7 && memcmp(connection->ptr, "default", 7) == 0;
}

static bool answered(struct request request, wasm_sink_http_http_request_t *theirs,
                     wasm_sink_http_http_response_t *response, wasm_sink_http_http_error_t *error)
{
    request.method = theirs->method;
    request.path = ws_format("%.*s", (int)theirs->path.len, (char *)theirs->path.ptr);
    request.body = ws_format("%.*s", (int)theirs->body.len, (char *)theirs->body.ptr);
    request.headers = "";
    for (size_t i = 0; i < theirs->headers.len; i++) {
        wasm_sink_http_http_header_t *header = &theirs->headers.ptr[i];
        request.headers = ws_format("%s%.*s=%.*s;", request.headers, (int)header->name.len, (char *)header->name.ptr,
                                    (int)header->value.len, (char *)header->value.ptr);
    }
    sent[sent_count++] = request;
    int status = status_for ? status_for(request.rows) : 200;
    *response = (wasm_sink_http_http_response_t){.status = (uint16_t)status, .headers = answer_headers};
    response->body = (host_list_u8_t){(uint8_t *)(uintptr_t)answer_body, strlen(answer_body)};
    *error = (host_error){.kind = WASM_SINK_SINK_TYPES_ERROR_KIND_THROTTLED, .message = handed("later")};
    error->retry_after_ms = (host_option_u32_t){true, 1000};
    return status != 0;
}

bool wasm_sink_http_http_method_service_send(wasm_sink_http_http_borrow_service_t service,
                                             wasm_sink_http_http_borrow_batch_t batch,
                                             wasm_sink_http_http_request_t *request,
                                             wasm_sink_http_http_response_t *response,
                                             wasm_sink_http_http_error_t *error)
{
    EXPECT(service.__handle == 7);
    return answered((struct request){.has_rows = true, .rows = rows[batch.__handle]}, request, response, error);
}

bool wasm_sink_http_http_method_service_ask(wasm_sink_http_http_borrow_service_t service,
                                            wasm_sink_http_http_request_t *request,
                                            wasm_sink_http_http_response_t *response,
                                            wasm_sink_http_http_error_t *error)
{
    EXPECT(service.__handle == 7);
    return answered((struct request){.has_rows = false}, request, response, error);
}

// What batches do.

uint32_t ws_row_count(ws_batch batch)
{
    return rows[batch.handle].count;
}

ws_status ws_slice(ws_batch batch, uint32_t offset, uint32_t length, ws_batch *out)
{
    *out = batch_of(rows[batch.handle].first + offset, length);
    return WS_OK;
}

ws_status ws_reject(ws_batch batch, const char *reason)
{
    letters[letter_count++] = (struct letter){rows[batch.handle], reason};
    return WS_OK;
}

ws_status ws_json_array(ws_batch batch, ws_bytes *json)
{
    *json = ws_http_text(ws_format("[%u rows from %u]", (unsigned)rows[batch.handle].count,
                                   (unsigned)rows[batch.handle].first));
    return WS_OK;
}

// Tests.

static ws_http_service fresh(void)
{
    drop_rows();
    rows_made = 0;
    sent_count = letter_count = 0;
    status_for = NULL;
    answer_body = "";
    answer_headers = (wasm_sink_http_http_list_header_t){NULL, 0};
    ws_http_service api = {0};
    EXPECT_OK(ws_http_open("default", &api));
    return api;
}

#define EXPECT_ERROR(call, wanted, words)                                                                              \
    do {                                                                                                               \
        ws_status status_ = (call);                                                                                    \
        if (status_ == WS_OK || status_->kind != (wanted) || strcmp(status_->message, words) != 0) {                   \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call, status_ ? status_->message : "ok");          \
            failures++;                                                                                                \
        }                                                                                                              \
    } while (0)

static bool was_sent(int nth, wasm_sink_http_http_method_t method, const char *path, const char *headers,
                     const char *body)
{
    const struct request *one = &sent[nth];
    return nth < sent_count && one->method == method && strcmp(one->path, path) == 0 &&
           strcmp(one->headers, headers) == 0 && strcmp(one->body, body) == 0;
}

static void test_requests(void)
{
    ws_http_service api = fresh();
    ws_batch two = batch_of(0, 2);
    ws_http_response response;
    EXPECT_OK(ws_http_post(api, two, "events?of=x", "text/csv", ws_http_text("a,b"), &response));
    EXPECT(was_sent(0, WASM_SINK_HTTP_HTTP_METHOD_POST, "events?of=x", "content-type=text/csv;", "a,b"));
    EXPECT(sent[0].has_rows && sent[0].rows.count == 2 && ws_http_is_ok(&response));
    EXPECT(strcmp(response.to, "POST events") == 0 && response.body.data && !response.body.length);
    ws_http_request request = {.method = WS_HTTP_DELETE, .headers = WS_HTTP_HEADERS({"X-A", "1"}, {"X-B", "2"})};
    EXPECT_OK(ws_http_send(api, two, request, &response));
    EXPECT(was_sent(1, WASM_SINK_HTTP_HTTP_METHOD_DELETE, "", "X-A=1;X-B=2;", ""));

    answer_body = "{\"EUR\": 1}";
    EXPECT_OK(ws_http_get(api, "rates", &response));
    EXPECT(was_sent(2, WASM_SINK_HTTP_HTTP_METHOD_GET, "rates", "", "") && !sent[2].has_rows);
    const ws_json *value;
    EXPECT_OK(ws_http_json(&response, &value));
    EXPECT(ws_json_member(value, "EUR")->integer == 1);
    request.method = WS_HTTP_PATCH;
    EXPECT_OK(ws_http_ask(api, request, &response));
    EXPECT(sent[3].method == WASM_SINK_HTTP_HTTP_METHOD_PATCH);

    request.method = (ws_http_method)6;
    EXPECT_INVALID(ws_http_ask(api, request, &response), "none of ws_http_method");
    EXPECT_INVALID(ws_http_post(api, (ws_batch){0, 0}, "x", NULL, ws_http_text(""), &response), "was never set");
    EXPECT_ERROR(ws_http_open("other", &api), WS_DENIED, "there is no such role");
    EXPECT(sent_count == 4);
}

static void test_responses(void)
{
    ws_http_service api = fresh();
    static wasm_sink_http_http_header_t headers[3];
    static const char *const told[] = {"content-type", "a", "via", "one", "via", "two"};
    for (int i = 0; i < 3; i++)
        headers[i] = (wasm_sink_http_http_header_t){handed(told[2 * i]), handed(told[2 * i + 1])};
    answer_headers = (wasm_sink_http_http_list_header_t){headers, 3};
    answer_body = "<html>";
    ws_http_response response;
    EXPECT_OK(ws_http_get(api, "x?key=1", &response));
    EXPECT(strcmp(ws_http_header_of(&response, "Content-Type"), "a") == 0);
    EXPECT(strcmp(ws_http_header_of(&response, "VIA"), "one, two") == 0);
    EXPECT(!ws_http_header_of(&response, "host") && !ws_http_header_of(&response, "vi") &&
           !ws_http_header_of(&response, "viaduct"));
    const ws_json *value;
    EXPECT_ERROR(ws_http_json(&response, &value), WS_REJECTED,
                 "the service answered 200 to GET x: <html>: no JSON: at byte 0 there should be a value");
    response.is_cut = true;
    EXPECT_ERROR(ws_http_json(&response, &value), WS_REJECTED,
                 "the service answered 200 to GET x: <html>\xE2\x80\xA6: the body is longer than the connection's "
                 "max_response_bytes, and was cut off");

    static const uint16_t good[] = {200, 201, 204, 299}, bad[] = {302, 304, 400, 404, 499};
    response = (ws_http_response){.to = "GET x", .body = ws_http_text("")};
    for (int i = 0; i < 4; i++) {
        response.status = good[i];
        EXPECT_OK(ws_http_expect_ok(&response));
    }
    for (int i = 0; i < 5; i++) {
        response.status = bad[i];
        EXPECT_ERROR(ws_http_expect_ok(&response), WS_REJECTED,
                     ws_format("the service answered %d to GET x", (int)bad[i]));
    }
    static const struct {
        const char *body, *shown;
    } bodies[] = {
        {"\r\n a\r\nb\x7F \n", ":  a  b"},
        {"gr\xC3\xB6\xC3\x9F", ": gr\xC3\xB6\xC3\x9F"},
        {"\xFF\xC0\xAF\xED\xA0\x80", ": \xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {"\xF0\x9F\x98\x80\xF0\x9F\x98", ": \xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},
        {" \n", ""},
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        // In memory of its own, so that reading beyond is seen.
        size_t length = strlen(bodies[i].body);
        unsigned char *copy = malloc(length);
        memcpy(copy, bodies[i].body, length);
        response.body = (ws_bytes){copy, length};
        EXPECT_ERROR(ws_http_expect_ok(&response), WS_REJECTED,
                     ws_format("the service answered 499 to GET x%s", bodies[i].shown));
        free(copy);
    }
    char *faces = ws_alloc(4 * 201 + 1);
    for (int i = 0; i < 201; i++)
        memcpy(faces + 4 * i, "\xF0\x9F\x98\x80", 4);
    response.body = ws_http_text(faces);
    EXPECT_ERROR(ws_http_expect_ok(&response), WS_REJECTED,
                 ws_format("the service answered 499 to GET x: %.800s\xE2\x80\xA6", faces));
}

static int only_two(struct rows sent_rows)
{
    return sent_rows.count > 2 ? 413 : 201;
}

static int refused_status;

static int not_five(struct rows sent_rows)
{
    return sent_rows.first <= 5 && 5 < sent_rows.first + sent_rows.count ? refused_status : 200;
}

/// Whether these were the rows of all requests: first and count of each.
static bool rows_were(const uint32_t *wanted, int count)
{
    bool are_same = count == sent_count;
    for (int i = 0; are_same && i < count; i++)
        are_same = sent[i].rows.first == wanted[2 * i] && sent[i].rows.count == wanted[2 * i + 1];
    return are_same;
}

#define EXPECT_ROWS(...)                                                                                               \
    EXPECT(rows_were((const uint32_t[]){__VA_ARGS__}, (int)(sizeof((const uint32_t[]){__VA_ARGS__}) / 8)))

static ws_status make(void *context, ws_batch batch, ws_bytes *body)
{
    *body = ws_http_text(ws_format("%s %u", (const char *)context, (unsigned)ws_row_count(batch)));
    return WS_OK;
}

static ws_status make_nothing(void *context, ws_batch batch, ws_bytes *body)
{
    (void)context, (void)batch, (void)body;
    return ws_other("no body");
}

static void test_deliveries(void)
{
    ws_http_service api = fresh();
    ws_http_delivery how = {.path = "events", .at_most = 2};
    EXPECT_OK(ws_http_deliver(api, batch_of(0, 5), how));
    EXPECT_ROWS(0, 2, 2, 2, 4, 1);
    EXPECT(was_sent(2, WASM_SINK_HTTP_HTTP_METHOD_POST, "events", "content-type=application/json;", "[1 rows from 4]"));
    api = fresh();
    EXPECT_OK(ws_http_deliver(api, batch_of(0, 2), how));
    EXPECT_OK(ws_http_deliver(api, batch_of(0, 0), how));
    how = (ws_http_delivery){.path = "events", .method = WS_HTTP_PUT, .make = make, .context = "rows:"};
    how.headers = WS_HTTP_HEADERS({"Content-Type", "text/plain"});
    EXPECT_OK(ws_http_deliver(api, batch_of(3, 4), how));
    EXPECT_ROWS(0, 2, 3, 4);
    EXPECT(was_sent(1, WASM_SINK_HTTP_HTTP_METHOD_PUT, "events", "Content-Type=text/plain;", "rows: 4"));

    api = fresh();
    status_for = only_two;
    EXPECT_OK(ws_http_deliver(api, batch_of(0, 7), (ws_http_delivery){.path = "events"}));
    EXPECT_ROWS(0, 7, 0, 3, 0, 1, 1, 2, 3, 4, 3, 2, 5, 2);
    EXPECT(letter_count == 0);

    static const int refusals[] = {400, 413, 422};
    for (int i = 0; i < 3; i++) {
        api = fresh();
        refused_status = refusals[i];
        status_for = not_five;
        answer_body = "not 5";
        EXPECT_OK(ws_http_deliver(api, batch_of(0, 8), (ws_http_delivery){.path = "events?key=1"}));
        EXPECT_ROWS(0, 8, 0, 4, 4, 4, 4, 2, 4, 1, 5, 1, 6, 2);
        EXPECT(letter_count == 1 && letters[0].rows.first == 5 && letters[0].rows.count == 1);
        EXPECT(strcmp(letters[0].reason, ws_format("the service answered %d to POST events: not 5", refusals[i])) == 0);
    }

    static const int others[] = {301, 404, 409, 501};
    for (int i = 0; i < 4; i++) {
        api = fresh();
        refused_status = others[i];
        status_for = not_five;
        EXPECT_ERROR(ws_http_deliver(api, batch_of(0, 8), (ws_http_delivery){.path = "events"}), WS_REJECTED,
                     ws_format("the service answered %d to POST events", others[i]));
        EXPECT(sent_count == 1 && letter_count == 0);
    }

    api = fresh();
    refused_status = 0;
    status_for = not_five;
    ws_status status = ws_http_deliver(api, batch_of(0, 8), (ws_http_delivery){.path = "events", .at_most = 3});
    EXPECT(status && status->kind == WS_THROTTLED && status->retry_after_ms == 1000 && sent_count == 2);
    how = (ws_http_delivery){.path = "events", .make = make_nothing};
    EXPECT_ERROR(ws_http_deliver(api, batch_of(0, 8), how), WS_OTHER, "no body");
}

void test_http(void)
{
    test_requests();
    test_responses();
    test_deliveries();
    drop_rows();
}
