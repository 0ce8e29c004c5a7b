/* `fleetmend-agent scan [--all] PATH...`: finds update failures in collected logs, on any system. */
#ifndef FLEETMEND_SCAN_COMMAND_H
#define FLEETMEND_SCAN_COMMAND_H

/* argv[0] is "scan"; the order of argv is changed. A PATH is a log, a folder that is searched with all its
 * folders (a mounted Windows volume, a collected bundle) for *.log, or - for standard input. One JSON object a
 * line goes to stdout, messages go to stderr. Returns the exit status: 0 done, 1 when something could not be
 * read or written (the rest was still read), 2 when the arguments are wrong. */
int scan_command(int argc, char **argv);

#endif
