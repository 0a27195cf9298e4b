package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Function;
import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Names of a module while its kernels are decoded.
 *
 * @param addresses of the functions
 * @param pointedAt what the contents of variables name
 */
record ModuleText(
    String name,
    int architecture,
    Map<String, Function> functions,
    Map<String, Variable> shared,
    Map<String, CodeBuilder.Symbol> globals,
    Map<String, Long> addresses,
    Set<String> pointedAt) {

  PtxException error(int line, String message) {
    return new PtxException(name, line, message);
  }

  @Nullable Function function(String function) {
    return functions.get(function);
  }

  @Nullable Variable sharedVariable(String variable) {
    return shared.get(variable);
  }

  CodeBuilder.@Nullable Symbol global(String variable) {
    return globals.get(variable);
  }
}
