#include "sandbox/entra_error.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define GRANT "invalid_grant"
#define CLIENT "invalid_client"
#define REQUEST "invalid_request"
#define SCOPE "invalid_scope"
#define INTERACTION "interaction_required"
#define UNAUTHORIZED "unauthorized_client"
#define UNAVAILABLE "temporarily_unavailable"

/* Sorted by code. */
static const struct aadsts rows[] = {
    { 16000, INTERACTION, NULL,
      "User account '{0}' does not exist in tenant '{1}' and cannot access the application '{2}' in that tenant. The "
      "account needs to be added as an external user in the tenant first." },
    { 28000, SCOPE, NULL,
      "Provided value for the input parameter scope is not valid because it contains more than one resource. Scope {0} "
      "is not valid." },
    { 28002, SCOPE, NULL,
      "Provided value for the input parameter scope '{0}' is not valid when requesting an access token." },
    { 28003, SCOPE, NULL,
      "Provided value for the input parameter scope cannot be empty when requesting an access token using the provided "
      "authorization code." },
    { 50000, "server_error", NULL, "There was an error issuing a token or an issue with our sign-in service." },
    { 50001, "invalid_resource", NULL, "The resource named {0} was not found or is disabled in the tenant." },
    { 50011, REQUEST, NULL,
      "The redirect URI '{0}' specified in the request does not match the redirect URIs configured for the application "
      "'{1}'. Make sure the redirect URI sent in the request matches one added to your application in the Azure "
      "portal." },
    { 50012, CLIENT, NULL, "Authentication failed: the client assertion or its certificate is not acceptable." },
    { 50013, GRANT, NULL, "Assertion failed signature validation." },
    { 50020, GRANT, NULL,
      "User account '{0}' from identity provider '{1}' does not exist in tenant '{2}' and cannot access the "
      "application in that tenant." },
    { 50027, CLIENT, NULL, "JWT token is invalid or malformed." },
    { 50033, UNAVAILABLE, NULL, "A transient error has occurred. Please try again." },
    { 50034, GRANT, NULL,
      "The user account {0} does not exist in the {1} directory. To sign into this application, the account must be "
      "added to the directory." },
    { 50048, CLIENT, NULL, "Subject must match Issuer claim in the client assertion." },
    { 50053, GRANT, NULL,
      "The account is locked, you've tried to sign in too many times with an incorrect user ID or password." },
    { 50055, GRANT, "user_password_expired", "The password is expired." },
    { 50056, GRANT, NULL, "Invalid or null password: password does not exist in the directory for this user." },
    { 50057, GRANT, NULL, "The user account is disabled." },
    { 50058, "login_required", NULL, "Session information is not sufficient for single-sign-on." },
    { 50059, REQUEST, NULL,
      "No tenant-identifying information found in either the request or implied by any provided credentials." },
    { 50072, INTERACTION, "basic_action",
      "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
      "enroll in multi-factor authentication to access '{0}'." },
    { 50074, INTERACTION, "basic_action", "Strong Authentication is required." },
    { 50076, INTERACTION, "basic_action",
      "Due to a configuration change made by your administrator, or because you moved to a new location, you must use "
      "multi-factor authentication to access '{0}'." },
    { 50078, INTERACTION, "basic_action",
      "Presented multi-factor authentication has expired due to policies configured by your administrator, you must "
      "refresh your multi-factor authentication to access '{0}'." },
    { 50079, INTERACTION, "basic_action",
      "Due to a configuration change made by your administrator, or because you moved to a new location, you must "
      "enroll in multi-factor authentication to access '{0}'." },
    { 50097, INTERACTION, "device_authentication_failed", "Device authentication is required." },
    { 50105, INTERACTION, NULL,
      "Your administrator has configured the application {0} to block users unless they are specifically granted "
      "('assigned') access to the application. The signed in user '{1}' is blocked because they are not a direct "
      "member of a group with access, nor had access directly assigned by an administrator." },
    { 50126, GRANT, NULL, "Error validating credentials due to invalid username or password." },
    { 50128, REQUEST, NULL,
      "No tenant-identifying information found in either the request or implied by any provided credentials." },
    { 50131, INTERACTION, NULL,
      "Used in various Conditional Access errors: bad Windows device state, request blocked due to suspicious "
      "activity, access policy, or security policy decisions." },
    { 50132, GRANT, NULL,
      "Session is not valid due to the following reasons: password expiration or recent password change, the account "
      "was deleted or disabled, or the session was revoked." },
    { 50133, GRANT, "bad_token", "Session is invalid due to expiration or recent password change." },
    { 50134, GRANT, NULL, "The device flow was completed in the wrong data center." },
    { 50140, INTERACTION, NULL,
      "This error occurred due to 'Keep me signed in' interrupt when the user was signing-in." },
    { 50144, GRANT, "user_password_expired", "The user's Active Directory password has expired." },
    { 50147, GRANT, NULL, "Invalid size of Code_Challenge parameter or Code_Verifier parameter." },
    { 50148, GRANT, NULL,
      "The code_verifier does not match the code_challenge supplied in the authorization request for PKCE." },
    { 50158, INTERACTION, "additional_action",
      "External security challenge not satisfied. User will be redirected to another page or authentication provider "
      "to satisfy additional authentication challenges." },
    { 50173, GRANT, "bad_token",
      "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have "
      "changed or reset their password. The grant was issued on '{0}' and the TokensValidFrom date (before which "
      "tokens are not valid) for this user is '{1}'." },
    { 50194, REQUEST, NULL,
      "Application '{0}'({1}) is not configured as a multi-tenant application. Usage of the /common endpoint is not "
      "supported for such apps created after '10/15/2018'. Use a tenant-specific endpoint or configure the application "
      "to be multi-tenant." },
    { 50196, GRANT, NULL,
      "The server terminated an operation because it encountered a client request loop. Please contact your app "
      "vendor." },
    { 50199, INTERACTION, NULL, "For security reasons, user confirmation is required for this request." },
    { 53000, INTERACTION, "message_only",
      "Device is not in required device state: {0}. Conditional Access policy requires a compliant device, and the "
      "device is not compliant." },
    { 53001, INTERACTION, "message_only", "Device is not in required device state: domain joined." },
    { 53002, INTERACTION, "message_only", "Application used is not an approved application for Conditional Access." },
    { 53003, INTERACTION, "message_only",
      "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance." },
    { 53004, INTERACTION, "message_only",
      "Cannot configure multi-factor authentication methods because the organization requires this information to be "
      "set from specific locations or devices." },
    { 53010, INTERACTION, "message_only",
      "Cannot configure multi-factor authentication methods because the organization requires this information to be "
      "set from specific locations or devices." },
    { 53011, INTERACTION, "message_only", "User blocked due to risk on home tenant." },
    { 54005, GRANT, NULL,
      "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh "
      "token." },
    { 65001, GRANT, "consent_required",
      "The user or administrator has not consented to use the application with ID '{0}' named '{1}'. Send an "
      "interactive authorization request for this user and resource." },
    { 65004, "access_denied", NULL, "User declined to consent to access the app." },
    { 65005, REQUEST, NULL,
      "The app is requesting access to a resource that is not listed in its requested permissions in its application "
      "registration." },
    { 70000, GRANT, NULL,
      "The request was denied because one or more scopes requested are unauthorized or expired. The user must first "
      "sign in and grant the client application access to the requested scope." },
    { 70001, UNAUTHORIZED, NULL,
      "Application with identifier '{0}' was not found in the directory '{1}', or is disabled." },
    { 70002, CLIENT, NULL,
      "Error validating credentials. The specified client_secret does not match the expected value for this client." },
    { 70003, "unsupported_grant_type", NULL, "The app requested an unsupported grant type '{0}'." },
    { 70005, "unsupported_response_type", NULL,
      "The app requested an unsupported response type '{0}' when requesting a token." },
    { 70007, REQUEST, NULL, "'{0}' is not a supported value of 'response_mode' when requesting a token." },
    { 70008, GRANT, "token_expired",
      "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive "
      "authorization request for this user and resource." },
    { 70011, SCOPE, NULL,
      "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' "
      "is not valid. The scope {0} is not valid." },
    { 70012, "server_error", NULL, "A server error occurred while authenticating an MSA (consumer) user." },
    { 70016, "authorization_pending", NULL,
      "OAuth 2.0 device flow error. Authorization is pending. Continue polling." },
    { 70018, "bad_verification_code", NULL,
      "Invalid verification code. The device_code sent in the request was not recognized." },
    { 70019, "expired_token", NULL, "Verification code expired. Have the user retry the sign-in." },
    { 70020, "expired_token", NULL,
      "The provided value for the input parameter 'device_code' is not valid. This device code has expired." },
    { 70043, GRANT, "bad_token",
      "The refresh token has expired or is invalid due to sign-in frequency checks by Conditional Access. The token "
      "was issued on {0} and the maximum allowed lifetime for this request is {1}." },
    { 70044, GRANT, "bad_token",
      "The session has expired or is invalid due to sign-in frequency checks by Conditional Access." },
    { 80001, UNAVAILABLE, NULL, "Unable to connect to the Authentication Agent." },
    { 80002, UNAVAILABLE, NULL, "The Authentication Agent timed out." },
    { 90002, REQUEST, NULL,
      "Tenant '{0}' not found. Check to make sure you have the correct tenant ID and are signing into the correct "
      "cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the "
      "tenant." },
    { 90006, UNAVAILABLE, NULL, "The external provider service is not available. Please try again." },
    { 90012, UNAVAILABLE, NULL, "The request timed out. Please try again." },
    { 90013, REQUEST, NULL, "Invalid input received from the user." },
    { 90014, REQUEST, NULL,
      "The required field '{0}' is missing from the credential. Ensure that you have all the necessary parameters for "
      "the login request." },
    { 90015, REQUEST, NULL, "The query string is too long." },
    { 90019, REQUEST, NULL,
      "No tenant-identifying information found in either the request or implied by any provided credentials." },
    { 90023, REQUEST, NULL, "Invalid request. {0}" },
    { 90024, UNAVAILABLE, NULL, "The request budget has been exceeded. Please try again." },
    { 90033, UNAVAILABLE, NULL, "A transient error has occurred. Please try again." },
    { 90036, "server_error", NULL,
      "An unexpected, non-retryable error stemming from the directory service has occurred." },
    { 90038, REQUEST, NULL, "Tenant '{0}' request is being redirected to the National Cloud '{1}'." },
    { 90055, UNAVAILABLE, NULL, "The tenant is throttled due to too many requests. Please try again later." },
    { 90056, REQUEST, NULL, "The endpoint only accepts {0} requests. Received a {1} request." },
    { 90072, INTERACTION, NULL,
      "User account '{0}' from identity provider '{1}' does not exist in tenant '{2}' and cannot access the "
      "application." },
    { 90090, UNAVAILABLE, NULL, "Policy processing failed with a transient error. Please try again." },
    { 90094, "consent_required", NULL,
      "An administrator of {0} has set a policy that prevents you from granting {1} the permissions it is requesting. "
      "Contact an administrator of {0}, who can grant permissions to this app on your behalf." },
    { 90095, "consent_required", NULL,
      "Admin consent is required for the permissions requested by this application. An admin consent request may be "
      "sent to the admin." },
    { 90100, REQUEST, NULL, "'{0}' parameter is empty or not valid." },
    { 90130, REQUEST, NULL,
      "Application '{0}'({1}) is not supported over the /common or /consumers endpoints. Please use the /organizations "
      "or tenant-specific endpoint." },
    { 135011, GRANT, "device_authentication_failed", "Device used during the authentication is disabled." },
    { 500011, "invalid_resource", NULL,
      "The resource principal named {0} was not found in the tenant named {1}. This can happen if the application has "
      "not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have "
      "sent your authentication request to the wrong tenant." },
    { 500112, GRANT, NULL,
      "The reply address '{0}' does not match the reply address '{1}' provided when requesting Authorization code." },
    { 500133, CLIENT, NULL,
      "Assertion is not within its valid time range. Ensure that the access token is not expired before using it for "
      "user assertion, or request a new token." },
    { 500208, REQUEST, NULL, "The domain is not a valid login domain for the account type." },
    { 501481, GRANT, NULL,
      "The Code_Verifier does not match the code_challenge supplied in the authorization request." },
    { 501491, REQUEST, NULL, "Invalid size of Code_Challenge parameter." },
    { 530032, INTERACTION, "message_only",
      "Blocked by security policy. The tenant admin has configured a security policy that blocks this request." },
    { 530033, INTERACTION, "message_only",
      "Access has been blocked by Conditional Access policies: the device code flow is not allowed." },
    { 530035, INTERACTION, "message_only",
      "Access has been blocked by security defaults. This is due to the request using legacy authentication or being "
      "deemed unsafe by security defaults policies." },
    { 650052, REQUEST, NULL,
      "The app is trying to access a service '{0}' that your organization '{1}' lacks a service principal for. Contact "
      "your IT Admin to review the configuration of your service subscriptions." },
    { 700003, INTERACTION, "device_authentication_failed",
      "Device object was not found in the tenant '{0}' directory." },
    { 700005, GRANT, NULL,
      "Provided Authorization Code is intended to use against other tenant, thus rejected. OAuth2 Authorization Code "
      "must be redeemed against same tenant it was acquired for." },
    { 700011, UNAUTHORIZED, NULL, "Application with identifier '{0}' was not found in the directory '{1}'." },
    { 700016, UNAUTHORIZED, NULL,
      "Application with identifier '{0}' was not found in the directory '{1}'. This can happen if the application has "
      "not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have "
      "sent your authentication request to the wrong tenant." },
    { 700020, INTERACTION, NULL, "Interaction required. The access grant requires interaction." },
    { 700022, REQUEST, NULL,
      "Provided value for the input parameter scope is not valid because it contains more than one resource." },
    { 700023, REQUEST, NULL, "Client assertion audience claim does not match Realm issuer. {0}" },
    { 700024, CLIENT, NULL,
      "Client assertion is not within its valid time range. Current time: {0}, assertion valid from {1}, expiry time "
      "of assertion {2}. Review the documentation at "
      "https://learn.microsoft.com/entra/identity-platform/certificate-credentials." },
    { 700025, CLIENT, NULL, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented." },
    { 700027, CLIENT, NULL,
      "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - "
      "{0}, Thumbprint of key used by client: '{1}'. Please visit the Azure Portal, Graph Explorer or directly use MS "
      "Graph to see configured keys for app Id '{2}'.]" },
    { 700030, CLIENT, NULL, "Invalid certificate - subject name in certificate is not authorized." },
    { 700054, "unsupported_response_type", NULL, "response_type 'id_token' is not enabled for the application." },
    { 700082, GRANT, "token_expired",
      "The refresh token has expired due to inactivity. The token was issued on {0} and was inactive for {1}." },
    { 700084, GRANT, "token_expired",
      "The refresh token was issued to a single page app (SPA), and therefore has a fixed, limited lifetime of "
      "1.00:00:00, which can't be extended. It is now expired and a new sign in request must be sent by the SPA to the "
      "sign in page. The token was issued on {0}." },
    { 900144, REQUEST, NULL, "The request body must contain the following parameter: '{0}'." },
    { 900382, REQUEST, NULL, "Confidential Client is not supported in Cross Cloud request." },
    { 900432, REQUEST, NULL, "Confidential Client is not supported in Cross Cloud request." },
    { 900561, REQUEST, NULL, "The endpoint only accepts {0} requests. Received a {1} request." },
    { 900971, REQUEST, NULL, "No reply address provided." },
    { 901002, REQUEST, NULL, "The 'resource' request parameter is not supported." },
    { 1002012, SCOPE, NULL,
      "The provided value for scope {0} is not valid. Client credential flows must have a scope value with /.default "
      "suffixed to the resource identifier (application ID URI)." },
    { 7000112, UNAUTHORIZED, NULL, "Application '{0}'({1}) is disabled." },
    { 7000114, UNAUTHORIZED, NULL, "Application '{0}' is not allowed to make application on-behalf-of calls." },
    { 7000214, CLIENT, NULL, "Certificate has been revoked." },
    { 7000215, CLIENT, NULL,
      "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the "
      "client secret ID, for a secret added to app '{0}'." },
    { 7000218, CLIENT, NULL,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'." },
    { 7000222, CLIENT, NULL,
      "The provided client secret keys for app '{0}' are expired. Visit the Azure portal to create new keys for your "
      "app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: "
      "https://aka.ms/certCreds." },
    { 7000277, CLIENT, NULL, "Certificate has been revoked." },
    { 9001023, REQUEST, NULL,
      "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or "
      "tenant-specific endpoint." },
    { 9002313, REQUEST, NULL, "Invalid request. Request is malformed or invalid." },
    { 9002326, REQUEST, NULL,
      "Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: "
      "'{0}'." },
    { 9002327, REQUEST, NULL,
      "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests." },
    { 9002332, REQUEST, NULL,
      "Application '{0}'({1}) is configured for use by Microsoft Account users only. Please use the /consumers "
      "endpoint to serve this request." },
};

const struct aadsts *aadsts_rows(size_t *count)
{
    *count = sizeof rows / sizeof *rows;
    return rows;
}

const struct aadsts *aadsts_find(unsigned code)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].code == code)
            return &rows[i];
    }
    return NULL;
}

void entra_refusal_set(struct entra_refusal *r, unsigned code, const char *a, const char *b, const char *c)
{
    *r = (struct entra_refusal){ .row = aadsts_find(code), .args = { a, b, c } };
    if (r->row == NULL)
        r->row = aadsts_find(50000);
}

const char *entra_refusal_error(const struct entra_refusal *r)
{
    return r->error != NULL ? r->error : r->row->error;
}

int entra_refusal_status(const struct entra_refusal *r)
{
    const char *error = entra_refusal_error(r);
    return strcmp(error, CLIENT) == 0 ? 401 : strcmp(error, UNAVAILABLE) == 0 ? 503 : 400;
}

char *entra_refusal_text(const struct entra_refusal *r, struct arena *arena, const char *tail, const char *trace,
                         const char *correlation, const char *timestamp)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    buf_addf(&out, "AADSTS%u: ", r->row->code);
    for (const char *at = r->row->text; *at != 0; at++) {
        unsigned number = at[0] == '{' ? (unsigned)(at[1] - '0') : REFUSAL_ARGS;
        if (number < REFUSAL_ARGS && at[2] == '}') {
            buf_add_str(&out, r->args[number] != NULL ? r->args[number] : "");
            at += 2;
        } else {
            buf_add_byte(&out, (uint8_t)*at);
        }
    }
    buf_addf(&out, "%sTrace ID: %s%sCorrelation ID: %s%sTimestamp: %s", tail, trace, tail, correlation, tail,
             timestamp);
    char *text = arena_strdup(arena, buf_str(&out));
    for (char *at = text; !text_is_utf8(buf_bytes(&out)) && *at != 0;
         at++) /* arguments may be anything; JSON may not */
        *at = (unsigned char)*at < 128 ? *at : '?';
    buf_fini(&out);
    return text;
}
