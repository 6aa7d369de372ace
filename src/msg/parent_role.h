/* msg/parent_role.h - the parent and any role: being wired up, reloaded, stopped. */
#ifndef MSG_PARENT_ROLE_H
#define MSG_PARENT_ROLE_H

#include "msg/codec.h"

enum {
    PARENT_PEER =
        1, /* parent > role: here is your end of a channel to another role (again, when that role was restarted) */
    PARENT_LISTENER, /* parent > edge, and the console's > admin: accept from this socket; numbers are never used twice */
    PARENT_LISTENER_END, /* likewise: close that listener; its sessions go on. A listener whose certificate or rules changed
                          * ends, and comes again under a new number with the same socket */
    PARENT_RELOAD,       /* parent > role: the configuration file's new text, already found good by the parent */
    PARENT_EVENTS,       /* parent > role: a new event file (rotation) */
    PARENT_STOP,         /* parent > role: finish what is under way and end */
    PARENT_START,        /* parent > role: all peers and listeners of the start are sent */
    PARENT_READY,        /* role > parent: wired and working */
    PARENT_ASK,          /* admin > parent: {"verb":"reload"|"roles"} */
    PARENT_ANSWER,       /* parent > admin */
    PARENT_LOST,         /* role > parent: the channel to that peer closed; if it still lives, join us again */
};

#define MSG_PARENT_PEER(F, L) \
    F(U32, role, 0)  /* enum role_kind */ \
    F(U32, index, 0) /* which edge */ \
    F(FD, fd, 0)
MSG_STRUCT(parent_peer, MSG_PARENT_PEER);

#define MSG_PARENT_LISTENER(F, L) \
    F(U32, number, 0) \
    F(TEXT, protocol, 16) \
    F(TEXT, address, 128) \
    F(U32, tls, 0) /* enum conf_tls */ \
    F(BOOL, auth_without_tls, 0) \
    F(TEXT, mode, 16) /* as in conf.listeners */ \
    F(BYTES, certificate_pem, 131072) \
    F(SECRET, key_pem, 65536) \
    F(FD, fd, 0)
MSG_STRUCT(parent_listener, MSG_PARENT_LISTENER);

#define MSG_PARENT_LOST(F, L) F(U32, role, 0) F(U32, index, 0)
MSG_STRUCT(parent_lost, MSG_PARENT_LOST);

#define MSG_PARENT_NUMBER(F, L) F(U32, number, 0)
MSG_STRUCT(parent_number, MSG_PARENT_NUMBER);

#define MSG_PARENT_TEXT(F, L) F(U64, tag, 0) F(TEXT, text, 524288)
MSG_STRUCT(parent_text, MSG_PARENT_TEXT);

#define MSG_PARENT_FD(F, L) F(FD, fd, 0)
MSG_STRUCT(parent_fd, MSG_PARENT_FD);

#define MSG_PARENT_EMPTY(F, L) F(U32, unused, 0)
MSG_STRUCT(parent_empty, MSG_PARENT_EMPTY);

#endif
