// All capabilities are compiled; the linker leaves out what the sink does not call.
#ifndef WASM_SINK_MAY_HTTP
#define WASM_SINK_MAY_HTTP
#endif

#include "wasm_sink/http.h"

#include "host.h"
#include "text.h"

/// So much of a body is in a message.
enum { FIRST_CHARACTERS = 200 };

static wasm_sink_http_http_borrow_service_t borrow(ws_http_service service)
{
    return wasm_sink_http_http_borrow_service((wasm_sink_http_http_own_service_t){service.handle});
}

ws_status ws_http_open(const char *connection, ws_http_service *service)
{
    host_string_t role = host_text(connection);
    wasm_sink_http_http_own_service_t own;
    host_error error;
    WS_TRY(answer(wasm_sink_http_http_static_service_open(&role, &own, &error), &error));
    service->handle = own.__handle;
    return WS_OK;
}

typedef struct method {
    wasm_sink_http_http_method_t of_host;
    const char *name;
} method;

static const method methods[] = {
    [WS_HTTP_POST] = {WASM_SINK_HTTP_HTTP_METHOD_POST, "POST"},
    [WS_HTTP_GET] = {WASM_SINK_HTTP_HTTP_METHOD_GET, "GET"},
    [WS_HTTP_HEAD] = {WASM_SINK_HTTP_HTTP_METHOD_HEAD, "HEAD"},
    [WS_HTTP_PUT] = {WASM_SINK_HTTP_HTTP_METHOD_PUT, "PUT"},
    [WS_HTTP_PATCH] = {WASM_SINK_HTTP_HTTP_METHOD_PATCH, "PATCH"},
    [WS_HTTP_DELETE] = {WASM_SINK_HTTP_HTTP_METHOD_DELETE, "DELETE"},
};

static ws_status request_for_host(const ws_http_request *request, wasm_sink_http_http_request_t *theirs)
{
    if ((size_t)request->method >= sizeof methods / sizeof *methods)
        return ws_invalid("a request has the method %d, which is none of ws_http_method", (int)request->method);
    size_t count = request->headers.count;
    wasm_sink_http_http_header_t *headers = ws_alloc_array(count + 1, sizeof *headers);
    for (size_t i = 0; i < count; i++) {
        headers[i].name = host_text(request->headers.at[i].name);
        headers[i].value = host_text(request->headers.at[i].value);
    }
    if (request->content_type) {
        headers[count].name = host_text("content-type");
        headers[count++].value = host_text(request->content_type);
    }
    theirs->method = methods[request->method].of_host;
    theirs->path = host_text(request->path ? request->path : "");
    theirs->headers = (wasm_sink_http_http_list_header_t){headers, count};
    theirs->body = (host_list_u8_t){(uint8_t *)(uintptr_t)request->body.data, request->body.length};
    return WS_OK;
}

static void response_from_host(const ws_http_request *request, wasm_sink_http_http_response_t theirs,
                               ws_http_response *response)
{
    ws_http_header *headers = ws_alloc_array(theirs.headers.len, sizeof *headers);
    for (size_t i = 0; i < theirs.headers.len; i++) {
        headers[i].name = text_from_host(theirs.headers.ptr[i].name);
        headers[i].value = text_from_host(theirs.headers.ptr[i].value);
    }
    const char *path = request->path ? request->path : "";
    // The query may hold what is nobody else's business.
    const char *to = ws_format("%s %.*s", methods[request->method].name, (int)strcspn(path, "?"), path);
    const uint8_t *body = theirs.body.len ? theirs.body.ptr : (const uint8_t *)"";
    *response = (ws_http_response){
        .status = theirs.status,
        .headers = {headers, theirs.headers.len},
        .body = {body, theirs.body.len},
        .is_cut = theirs.is_cut,
        .to = to,
    };
}

ws_status ws_http_send(ws_http_service service, ws_batch rows, ws_http_request request, ws_http_response *response)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    wasm_sink_http_http_request_t theirs;
    WS_TRY(request_for_host(&request, &theirs));
    wasm_sink_http_http_response_t answered;
    host_error error;
    WS_TRY(answer(wasm_sink_http_http_method_service_send(borrow(service), borrowed, &theirs, &answered, &error),
                  &error));
    response_from_host(&request, answered, response);
    return WS_OK;
}

ws_status ws_http_ask(ws_http_service service, ws_http_request request, ws_http_response *response)
{
    wasm_sink_http_http_request_t theirs;
    WS_TRY(request_for_host(&request, &theirs));
    wasm_sink_http_http_response_t answered;
    host_error error;
    WS_TRY(answer(wasm_sink_http_http_method_service_ask(borrow(service), &theirs, &answered, &error), &error));
    response_from_host(&request, answered, response);
    return WS_OK;
}

ws_status ws_http_post(ws_http_service service, ws_batch rows, const char *path, const char *content_type,
                       ws_bytes body, ws_http_response *response)
{
    ws_http_request request = {.path = path, .content_type = content_type, .body = body};
    return ws_http_send(service, rows, request, response);
}

ws_status ws_http_get(ws_http_service service, const char *path, ws_http_response *response)
{
    return ws_http_ask(service, (ws_http_request){.method = WS_HTTP_GET, .path = path}, response);
}

bool ws_http_is_ok(const ws_http_response *response)
{
    return response->status >= 200 && response->status <= 299;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_same_name(const char *one, const char *other)
{
    while (*one && lower(*one) == lower(*other))
        one++, other++;
    return lower(*one) == lower(*other);
}

const char *ws_http_header_of(const ws_http_response *response, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < response->headers.count; i++) {
        const ws_http_header *header = &response->headers.at[i];
        if (is_same_name(header->name, name))
            found = found ? ws_format("%s, %s", found, header->value) : header->value;
    }
    return found;
}

/// The beginning of a body on one line, in UTF-8 whatever it is in: the host takes no other text.
static const char *beginning_of(const ws_http_response *response)
{
    static const char no_character[] = "\xEF\xBF\xBD", more[] = "\xE2\x80\xA6";
    char *line = ws_alloc(4 * FIRST_CHARACTERS + sizeof more), *end = line;
    size_t at = 0, left = response->body.length;
    for (int count = 0; left && count < FIRST_CHARACTERS; count++) {
        const unsigned char *text = response->body.data + at;
        size_t size = character_at(text, left);
        bool is_control = size == 1 && (*text < 0x20 || *text == 0x7F);
        if (is_control && end > line)
            *end++ = ' ';
        else if (!is_control && size)
            end = (char *)memcpy(end, text, size) + size;
        else if (!size)
            end = (char *)memcpy(end, no_character, 3) + 3;
        at += size ? size : 1;
        left -= size ? size : 1;
    }
    while (end > line && end[-1] == ' ')
        end--;
    if ((left || response->is_cut) && end > line)
        end = (char *)memcpy(end, more, 3) + 3;
    *end = 0;
    return line;
}

/// The status and the beginning of the body.
static const char *said(const ws_http_response *response)
{
    const char *body = beginning_of(response);
    return ws_format("the service answered %d to %s%s%s", response->status, response->to, *body ? ": " : "", body);
}

ws_status ws_http_expect_ok(const ws_http_response *response)
{
    return ws_http_is_ok(response) ? WS_OK : ws_rejected("%s", said(response));
}

ws_status ws_http_json(const ws_http_response *response, const ws_json **value)
{
    if (response->is_cut)
        return ws_rejected("%s: the body is longer than the connection's max_response_bytes, and was cut off",
                           said(response));
    ws_status parsed = ws_json_parse((ws_text){(const char *)response->body.data, response->body.length}, value);
    return parsed == WS_OK ? WS_OK : ws_rejected("%s: %s", said(response), parsed->message);
}

/// Whether some of the rows may be meant, or how many they are.
static bool may_be_of_rows(uint16_t status)
{
    return status == 400 || status == 413 || status == 422;
}

static ws_status deliver(ws_http_service service, ws_batch rows, uint32_t count, const ws_http_delivery *how);

static ws_status deliver_part(ws_http_service service, ws_batch rows, uint32_t offset, uint32_t count,
                              const ws_http_delivery *how)
{
    ws_batch part;
    WS_TRY(ws_slice(rows, offset, count, &part));
    ws_status status = deliver(service, part, count, how);
    ws_drop(part);
    return status;
}

static ws_status deliver(ws_http_service service, ws_batch rows, uint32_t count, const ws_http_delivery *how)
{
    ws_http_request request = {how->method, how->path, how->headers, how->content_type, {NULL, 0}};
    WS_TRY(how->make ? how->make(how->context, rows, &request.body) : ws_json_array(rows, &request.body));
    ws_http_response response;
    WS_TRY(ws_http_send(service, rows, request, &response));
    if (!may_be_of_rows(response.status))
        return ws_http_expect_ok(&response);
    if (count == 1)
        return ws_reject(rows, said(&response));
    uint32_t half = count / 2;
    WS_TRY(deliver_part(service, rows, 0, half, how));
    return deliver_part(service, rows, half, count - half, how);
}

ws_status ws_http_deliver(ws_http_service service, ws_batch rows, ws_http_delivery how)
{
    host_borrowed_rows borrowed;
    WS_TRY(host_rows_of(rows, &borrowed));
    bool is_said = how.content_type;
    for (size_t i = 0; i < how.headers.count; i++)
        is_said |= is_same_name(how.headers.at[i].name, "content-type");
    if (!is_said)
        how.content_type = "application/json";
    uint32_t count = ws_row_count(rows), step = how.at_most;
    if (!count)
        return WS_OK;
    if (!step || step >= count)
        return deliver(service, rows, count, &how);
    for (uint32_t first = 0; first < count; first += step)
        WS_TRY(deliver_part(service, rows, first, count - first < step ? count - first : step, &how));
    return WS_OK;
}
