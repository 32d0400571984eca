#pragma once
#if !__has_include(<microhttpd.h>)
#error MillraceHTTP needs libmicrohttpd: apt-get install libmicrohttpd-dev (Debian), dnf install libmicrohttpd-devel (Fedora), brew install libmicrohttpd (macOS)
#else

#include <microhttpd.h>

/* MHD_start_daemon takes a variable number of arguments, which Swift can't import. The socket has to listen already, and belongs
   to the daemon from now on. */
static inline struct MHD_Daemon *millrace_mhd_start(
    int listening, unsigned int connections, unsigned int timeout_seconds, MHD_AccessHandlerCallback handler, void *context)
{
    return MHD_start_daemon(
        MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, handler, context,
        MHD_OPTION_LISTEN_SOCKET, (MHD_socket) listening,
        MHD_OPTION_CONNECTION_LIMIT, connections,
        MHD_OPTION_CONNECTION_TIMEOUT, timeout_seconds,
        MHD_OPTION_END);
}

/* These are macros in some versions of the library and cases of an enumeration in others, which Swift would see differently. */
static const enum MHD_Result millrace_mhd_yes = MHD_YES;
static const enum MHD_Result millrace_mhd_no = MHD_NO;

/* A response with a copy of the body. */
static inline struct MHD_Response *millrace_mhd_response(size_t count, const void *body)
{
    return MHD_create_response_from_buffer(count, (void *) body, MHD_RESPMEM_MUST_COPY);
}

#endif
