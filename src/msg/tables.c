/* msg/tables.c - the field tables of every message; what they hold stands in the headers. */
#include "msg/admin_msg.h"
#include "msg/directory_msg.h"
#include "msg/edge_queue.h"
#include "msg/edge_vault.h"
#include "msg/parent_role.h"
#include "msg/queue_inbox.h"
#include "msg/queue_relay.h"
#include "msg/queue_vault.h"
#include "msg/sign_msg.h"
#include "msg/token_msg.h"

/* parent_role.h */
#define MSG_SELF struct parent_peer
const struct msg_field parent_peer_fields[] = { MSG_ROWS(MSG_PARENT_PEER) };
#undef MSG_SELF
#define MSG_SELF struct parent_listener
const struct msg_field parent_listener_fields[] = { MSG_ROWS(MSG_PARENT_LISTENER) };
#undef MSG_SELF
#define MSG_SELF struct parent_lost
const struct msg_field parent_lost_fields[] = { MSG_ROWS(MSG_PARENT_LOST) };
#undef MSG_SELF
#define MSG_SELF struct parent_number
const struct msg_field parent_number_fields[] = { MSG_ROWS(MSG_PARENT_NUMBER) };
#undef MSG_SELF
#define MSG_SELF struct parent_text
const struct msg_field parent_text_fields[] = { MSG_ROWS(MSG_PARENT_TEXT) };
#undef MSG_SELF
#define MSG_SELF struct parent_fd
const struct msg_field parent_fd_fields[] = { MSG_ROWS(MSG_PARENT_FD) };
#undef MSG_SELF
#define MSG_SELF struct parent_empty
const struct msg_field parent_empty_fields[] = { MSG_ROWS(MSG_PARENT_EMPTY) };
#undef MSG_SELF

/* directory_msg.h */
#define MSG_SELF struct directory_object
const struct msg_field directory_object_fields[] = { MSG_ROWS(MSG_DIRECTORY_OBJECT) };
#undef MSG_SELF
#define MSG_SELF struct directory_done
const struct msg_field directory_done_fields[] = { MSG_ROWS(MSG_DIRECTORY_DONE) };
#undef MSG_SELF

/* edge_queue.h */
#define MSG_SELF struct submit_recipient
const struct msg_field submit_recipient_fields[] = { MSG_ROWS(MSG_SUBMIT_RECIPIENT) };
#undef MSG_SELF
#define MSG_SELF struct submit
const struct msg_field submit_fields[] = { MSG_ROWS(MSG_SUBMIT) };
#undef MSG_SELF
#define MSG_SELF struct submit_done
const struct msg_field submit_done_fields[] = { MSG_ROWS(MSG_SUBMIT_DONE) };
#undef MSG_SELF
#define MSG_SELF struct queue_state
const struct msg_field queue_state_fields[] = { MSG_ROWS(MSG_QUEUE_STATE) };
#undef MSG_SELF

/* edge_vault.h */
#define MSG_SELF struct login_ask
const struct msg_field login_ask_fields[] = { MSG_ROWS(MSG_LOGIN_ASK) };
#undef MSG_SELF
#define MSG_SELF struct login_answer
const struct msg_field login_answer_fields[] = { MSG_ROWS(MSG_LOGIN_ANSWER) };
#undef MSG_SELF

/* queue_relay.h */
#define MSG_SELF struct attempt
const struct msg_field attempt_fields[] = { MSG_ROWS(MSG_ATTEMPT) };
#undef MSG_SELF
#define MSG_SELF struct attempt_result
const struct msg_field attempt_result_fields[] = { MSG_ROWS(MSG_ATTEMPT_RESULT) };
#undef MSG_SELF
#define MSG_SELF struct attempt_done
const struct msg_field attempt_done_fields[] = { MSG_ROWS(MSG_ATTEMPT_DONE) };
#undef MSG_SELF

/* queue_vault.h */
#define MSG_SELF struct mailbox_state
const struct msg_field mailbox_state_fields[] = { MSG_ROWS(MSG_MAILBOX_STATE) };
#undef MSG_SELF

/* token_msg.h */
#define MSG_SELF struct token_ask
const struct msg_field token_ask_fields[] = { MSG_ROWS(MSG_TOKEN_ASK) };
#undef MSG_SELF
#define MSG_SELF struct token_answer
const struct msg_field token_answer_fields[] = { MSG_ROWS(MSG_TOKEN_ANSWER) };
#undef MSG_SELF
#define MSG_SELF struct token_trouble
const struct msg_field token_trouble_fields[] = { MSG_ROWS(MSG_TOKEN_TROUBLE) };
#undef MSG_SELF

/* admin_msg.h */
#define MSG_SELF struct admin_ask
const struct msg_field admin_ask_fields[] = { MSG_ROWS(MSG_ADMIN_ASK) };
#undef MSG_SELF
#define MSG_SELF struct admin_answer
const struct msg_field admin_answer_fields[] = { MSG_ROWS(MSG_ADMIN_ANSWER) };
#undef MSG_SELF
#define MSG_SELF struct admin_progress
const struct msg_field admin_progress_fields[] = { MSG_ROWS(MSG_ADMIN_PROGRESS) };
#undef MSG_SELF
#define MSG_SELF struct admin_cancel
const struct msg_field admin_cancel_fields[] = { MSG_ROWS(MSG_ADMIN_CANCEL) };
#undef MSG_SELF

/* queue_inbox.h */
#define MSG_SELF struct inbox_place
const struct msg_field inbox_place_fields[] = { MSG_ROWS(MSG_INBOX_PLACE) };
#undef MSG_SELF
#define MSG_SELF struct inbox_item
const struct msg_field inbox_item_fields[] = { MSG_ROWS(MSG_INBOX_ITEM) };
#undef MSG_SELF
#define MSG_SELF struct inbox_key
const struct msg_field inbox_key_fields[] = { MSG_ROWS(MSG_INBOX_KEY) };
#undef MSG_SELF
#define MSG_SELF struct inbox_known
const struct msg_field inbox_known_fields[] = { MSG_ROWS(MSG_INBOX_KNOWN) };
#undef MSG_SELF
#define MSG_SELF struct inbox_recalled
const struct msg_field inbox_recalled_fields[] = { MSG_ROWS(MSG_INBOX_RECALLED) };
#undef MSG_SELF
#define MSG_SELF struct inbox_saved
const struct msg_field inbox_saved_fields[] = { MSG_ROWS(MSG_INBOX_SAVED) };
#undef MSG_SELF
#define MSG_SELF struct inbox_mark
const struct msg_field inbox_mark_fields[] = { MSG_ROWS(MSG_INBOX_MARK) };
#undef MSG_SELF
#define MSG_SELF struct inbox_lookup_ask
const struct msg_field inbox_lookup_ask_fields[] = { MSG_ROWS(MSG_INBOX_LOOKUP_ASK) };
#undef MSG_SELF
#define MSG_SELF struct inbox_lookup_answer
const struct msg_field inbox_lookup_answer_fields[] = { MSG_ROWS(MSG_INBOX_LOOKUP_ANSWER) };
#undef MSG_SELF
#define MSG_SELF struct inbox_bounced
const struct msg_field inbox_bounced_fields[] = { MSG_ROWS(MSG_INBOX_BOUNCED) };
#undef MSG_SELF

/* sign_msg.h */
#define MSG_SELF struct sign_ask
const struct msg_field sign_ask_fields[] = { MSG_ROWS(MSG_SIGN_ASK) };
#undef MSG_SELF
#define MSG_SELF struct sign_answer
const struct msg_field sign_answer_fields[] = { MSG_ROWS(MSG_SIGN_ANSWER) };
#undef MSG_SELF
