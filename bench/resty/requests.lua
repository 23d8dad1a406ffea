-- For wrk: each connection pauses 10 ms between two requests.
function delay()
  return 10
end
