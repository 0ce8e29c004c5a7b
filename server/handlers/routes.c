/* THE route table: what the server answers, who may ask, and how much. */
#include "app.h"

enum { KB = 1024 };

#define AGENT_BODY (96 * KB) /* a 48 kB sync, or an envelope with base64 around an enrolment */

const struct route app_routes[] = {
    /* agents */
    {HTTP_POST, "/agent/v1/time", ROLE_PUBLIC, 1 * KB, 0, true, agent_time,
     "Signed time, challenge and TLS pins"},
    {HTTP_POST, "/agent/v1/enroll", ROLE_PUBLIC, AGENT_BODY, 0, true, agent_enroll,
     "Enrols a machine: an envelope by its new key"},
    {HTTP_POST, "/agent/v1/session", ROLE_PUBLIC, 8 * KB, 0, true, agent_session,
     "A ticket for an hour: an envelope by the machine's key"},
    {HTTP_POST, "/agent/v1/sync", ROLE_AGENT, AGENT_BODY, 0, true, agent_sync,
     "Events and results in, orders out; long poll"},

    /* anybody */
    {HTTP_GET, "/healthz", ROLE_PUBLIC, 0, 0, false, healthz, "Whether the server is up"},
    {HTTP_GET, "/api/v1/openapi.json", ROLE_PUBLIC, 0, 0, false, openapi_document,
     "This interface as an OpenAPI document"},
    {HTTP_POST, "/api/v1/login", ROLE_PUBLIC, 4 * KB, 20, false, login, "Name and password for a token"},
    {HTTP_GET, "/", ROLE_PUBLIC, 0, 0, false, console_page, "The overview page"},
    {HTTP_GET, "/console/{file}", ROLE_PUBLIC, 0, 0, false, console_page, "A file of the overview page"},

    /* reading */
    {HTTP_POST, "/api/v1/logout", ROLE_VIEWER, 1 * KB, 0, false, logout, "Ends the token used"},
    {HTTP_GET, "/api/v1/overview", ROLE_VIEWER, 0, 0, false, overview,
     "Counts by state, and failing machines by code"},
    {HTTP_GET, "/api/v1/machines", ROLE_VIEWER, 0, 0, false, list_route, "Machines: filter, sort, page, CSV"},
    {HTTP_GET, "/api/v1/machines/{id}", ROLE_VIEWER, 0, 0, false, show_route, "One machine by id or name"},
    {HTTP_GET, "/api/v1/machines/{id}/timeline", ROLE_VIEWER, 0, 0, false, show_route,
     "Its events and jobs, newest first"},
    {HTTP_GET, "/api/v1/failures", ROLE_VIEWER, 0, 0, false, list_route,
     "Failures; open ones unless all=true"},
    {HTTP_GET, "/api/v1/codes", ROLE_VIEWER, 0, 0, false, list_route, "Codes the fleet fails with now"},
    {HTTP_GET, "/api/v1/codes/{code}", ROLE_VIEWER, 0, 0, false, show_route, "One code explained"},
    {HTTP_GET, "/api/v1/repairs", ROLE_VIEWER, 0, 0, false, list_route, "The catalogue of repairs"},
    {HTTP_GET, "/api/v1/jobs", ROLE_VIEWER, 0, 0, false, list_route, "Jobs: filter, sort, page, CSV"},
    {HTTP_GET, "/api/v1/jobs/{id}", ROLE_VIEWER, 0, 0, false, show_route, "One job with its output"},
    {HTTP_GET, "/api/v1/rollouts", ROLE_VIEWER, 0, 0, false, list_route, "Rollouts, newest first"},
    {HTTP_GET, "/api/v1/rollouts/{id}", ROLE_VIEWER, 0, 0, false, show_route, "One rollout with its jobs"},
    {HTTP_GET, "/api/v1/audit", ROLE_ADMIN, 0, 0, false, list_route, "The audit chain, newest first"},
    {HTTP_GET, "/api/v1/audit/verify", ROLE_ADMIN, 0, 0, false, show_route,
     "Whether the audit chain is whole"},
    {HTTP_GET, "/api/v1/users", ROLE_ADMIN, 0, 0, false, list_route, "Users"},
    {HTTP_GET, "/api/v1/tokens", ROLE_ADMIN, 0, 0, false, list_route, "API and enrolment tokens"},

    /* changing */
    {HTTP_POST, "/api/v1/rollouts", ROLE_OPERATOR, 4096 * KB, 0, false, push_route,
     "Pushes a repair to machines"},
    {HTTP_POST, "/api/v1/rollouts/{id}/approve", ROLE_APPROVER, 1 * KB, 0, false, rollout_approve,
     "Approves a push of another"},
    {HTTP_POST, "/api/v1/rollouts/{id}/cancel", ROLE_OPERATOR, 1 * KB, 0, false, rollout_cancel,
     "Takes back what has not started"},
    {HTTP_POST, "/api/v1/jobs/{id}/undo", ROLE_OPERATOR, 4 * KB, 0, false, job_undo,
     "Undoes the newest job of its repair"},
    {HTTP_POST, "/api/v1/jobs/{id}/cancel", ROLE_OPERATOR, 1 * KB, 0, false, job_cancel,
     "Takes back a job that has not started"},
    {HTTP_POST, "/api/v1/machines/{id}/approve", ROLE_ADMIN, 1 * KB, 0, false, machine_approve,
     "Lets a pending machine have jobs"},
    {HTTP_POST, "/api/v1/tokens", ROLE_VIEWER, 4 * KB, 0, false, token_create,
     "Makes an API token of one's own, or as an admin an enrolment token"},
    {HTTP_DELETE, "/api/v1/tokens/{id}", ROLE_ADMIN, 0, 0, false, token_delete, "Revokes a token"},
};

const size_t app_route_count = sizeof app_routes / sizeof *app_routes;
