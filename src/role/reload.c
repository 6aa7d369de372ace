/* role/reload.c - a new configuration is taken whole or not at all. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "role/files.h"
#include "role/parent.h"
#include "role/role_private.h"

#define FILE_MAX 524288

static void on_mistake(void *ctx, const struct fault *mistake)
{
    log_error("conf.mistake", LOG_FAULT(mistake));
    buf_addf(ctx, "%s\n", mistake->text);
}

static void adopt(struct parent *p, struct conf *conf, struct arena *arena, const char *text, struct list *doors)
{
    struct arena *old = p->conf_arena;
    struct fault why;
    p->conf = conf;
    p->conf_arena = arena;
    log_set_level(role_log_level(conf));
    log_to_stderr(conf->log.is_stderr);
    children_tell(p, PARENT_RELOAD, &(struct parent_text){ .text = text });
    doors_commit(p, doors);
    if (!doors_write(p, &why))
        log_warn("daemon.listeners", LOG_FAULT(&why));
    arena_free(old);
}

static bool take(struct parent *p, struct buf *text, struct arena *arena, struct buf *mistakes, struct fault *why)
{
    struct conf *conf = arena_alloc(arena, sizeof *conf);
    const char *file = arena_strdup(arena, p->conf->file);
    struct list doors;
    if (text_is_empty(file))
        return fault_set(why, FAULT_CONFIG, "",
                         "Postern was started without a configuration file, so there is none to read: "
                         "write one and start it again");
    if (!files_read(file, text, why) || !conf_parse(buf_bytes(text), file, arena, conf, on_mistake, mistakes, why) ||
        !conf_may_reload(p->conf, conf, why) || !doors_prepare(p, conf, &doors, why))
        return false;
    adopt(p, conf, arena, buf_str(text), &doors);
    return true;
}

bool reload(struct parent *p, struct buf *mistakes, struct fault *why)
{
    if (p->is_stopping)
        return fault_set(why, FAULT_RETRY, "", "Postern is stopping");
    struct buf text;
    struct arena *arena = arena_new();
    buf_init(&text, FILE_MAX);
    notify("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)loop_now_ms(p->loop) * 1000);
    bool is_taken = take(p, &text, arena, mistakes, why);
    if (is_taken)
        log_info("conf.reloaded", LOG_TEXT("text", p->conf->file));
    else
        log_error("conf.refused", LOG_FAULT(why));
    if (!is_taken)
        arena_free(arena);
    buf_fini(&text);
    notify("READY=1");
    return is_taken;
}
