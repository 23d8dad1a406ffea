-- The protocol of the control socket. Internal: host and client must have the same version.
--
-- A connection carries one request, a line of JSON such as {"version":1,"command":…}, and its reply: lines of JSON, the
-- last of which has "ok". Commands:
--   status                     "status": as cpgrun.status describes the host
--   evaluate  text             any number of lines with "output"; after an error, "error", and "incomplete" if the text
--                              can be continued
--   complete  text             "words"
return { VERSION = 1 }
