-- Prints the figures of a run in the format of bench/plain.c.
return function(count, seconds, cpu, latencies)
  local memory = io.open("/proc/self/status"):read("*a"):match "VmHWM:%s+(%d+)"
  print(("rate %.3f\ncpu %.9f\nmemory %d"):format(count / seconds, cpu / count, memory))
  if latencies then
    table.sort(latencies)
    print(("latency %.9f %.9f %.9f"):format(latencies[math.floor(count / 2) + 1],
      latencies[math.floor(count * 99 / 100) + 1], latencies[count]))
  end
end
