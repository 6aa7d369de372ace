/* The console's files. Every path of a page gets the one document, whose script looks at the path. */
#include "admin/pages.h"

#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

#define UI "/ui/"

/* Nothing from another host, nothing inline, no frame around us. */
static const char policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
                             "connect-src 'self'; font-src 'self'; manifest-src 'self'; form-action 'self'; "
                             "base-uri 'none'; frame-ancestors 'none'";

static bool begins_with(const char *path, const char *start)
{
    return strncmp(path, start, strlen(start)) == 0;
}

/* What follows "VERSION/"; NULL if another version is meant, or none. */
static const char *below_version(const char *name)
{
    size_t size = strlen(page_version);
    return strncmp(name, page_version, size) == 0 && name[size] == '/' ? name + size + 1 : NULL;
}

static const struct page_file *find(const char *name)
{
    const char *rest = below_version(name);
    for (const struct page_file *f = page_files; f->name; f++)
        if (strcmp(f->name, rest ? rest : name) == 0)
            return f;
    return NULL;
}

/* What browsers, machines and curious people ask of any server, and what is no path of ours. */
bool page_is_path(const char *path)
{
    static const char *const others[] = { "/api", "/raw", "/metrics", "/health", "/favicon.ico", "/robots.txt", "/." };
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        size_t size = strlen(others[i]);
        if (strncmp(path, others[i], size) == 0 && (path[size] == '\0' || path[size] == '/' || others[i][1] == '.'))
            return false;
    }
    if (begins_with(path, UI))
        return find(path + strlen(UI)) != NULL;
    return text_is_line(path) && !strstr(path, "..") && !strstr(path, "//") && !strchr(path, '\\');
}

static const struct page_file *file_of(const char *path)
{
    return begins_with(path, UI) ? find(path + strlen(UI)) : find("index.html");
}

/* The document names the version: it is looked at anew each time, and so is what is asked for without one. */
static bool is_forever(const char *path, const struct page_file *f)
{
    return begins_with(path, UI) && below_version(path + strlen(UI)) && !begins_with(f->type, "text/html");
}

/* "If-None-Match: W/"a", "b"" or "*". */
static bool is_known(const char *known, const char *etag)
{
    return known && (strcmp(known, "*") == 0 || strstr(known, etag));
}

void page_get(struct request *r)
{
    const struct page_file *f = file_of(r->path);
    if (!f) {
        respond_plain(r, 404, "There is nothing here, or not any more.\n");
        return;
    }
    const char *codings = request_header(r, "Accept-Encoding");
    bool is_packed = f->packed.size > 0 && codings && strstr(codings, "gzip") && !strstr(codings, "gzip;q=0");
    const char *etag = arena_printf(r->arena, "\"%s%s\"", f->etag, is_packed ? "-gzip" : "");
    request_add_header(r, "ETag", etag);
    request_add_header(r, "Cache-Control", is_forever(r->path, f) ? "public, max-age=31536000, immutable" : "no-cache");
    request_add_header(r, "Vary", "Accept-Encoding");
    if (is_known(request_header(r, "If-None-Match"), etag)) {
        respond_empty(r, 304);
        return;
    }
    if (is_packed)
        request_add_header(r, "Content-Encoding", "gzip");
    if (begins_with(f->type, "text/html"))
        request_add_header(r, "Content-Security-Policy", policy);
    request_add_header(r, "Referrer-Policy", "no-referrer");
    respond_octets(r, is_packed ? f->packed : f->data, f->type);
}
