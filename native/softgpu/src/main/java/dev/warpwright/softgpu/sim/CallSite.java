package dev.warpwright.softgpu.sim;

import dev.warpwright.softgpu.sim.Statement.Variable;
import java.util.List;

/**
 * A call with a frame.
 *
 * @param instr the call
 * @param arguments where the caller keeps them
 * @param argumentBytes their sizes
 * @param results where the caller wants them
 * @param resultBytes their sizes
 */
record CallSite(
    Instr instr,
    List<Access> arguments,
    List<Long> argumentBytes,
    List<Access> results,
    List<Long> resultBytes) {
  static List<Long> sizes(List<Variable> variables) {
    return variables.stream().map(Variable::bytes).toList();
  }

  /** Whether a function takes and returns what is passed here. */
  boolean fits(Callee callee) {
    return argumentBytes.equals(sizes(callee.function.parameters()))
        && resultBytes.equals(sizes(callee.function.results()));
  }
}
