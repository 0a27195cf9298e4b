package dev.warpwright.softgpu.sim;

import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A statement of a function's body. */
sealed interface Statement {
  /** A jump target. */
  record Label(String name) implements Statement {}

  /** Labels that an indexed branch chooses from. */
  record Targets(String name, List<String> labels) implements Statement {}

  /** What an indirect call passes and gets back. */
  record Prototype(String name, List<Variable> results, List<Variable> parameters)
      implements Statement {}

  /** Registers: one, or {@code count} numbered ones. */
  record Registers(PtxType type, String name, int count, int line) implements Statement {}

  /** A variable in shared, local or parameter space. */
  record Declare(Variable variable) implements Statement {}

  /** An opening brace. */
  record Open() implements Statement {}

  /** A closing brace. */
  record Close() implements Statement {}

  /** An instruction. */
  record Instruction(
      int line,
      String source,
      @Nullable String guard,
      boolean negated,
      String opcode,
      List<Operand> operands,
      String text)
      implements Statement {}

  /**
   * A variable of any space.
   *
   * @param space global, const, shared, local or param
   * @param bytes size; -1 for an extern array
   * @param initial contents, or null
   * @param pointers addresses of other variables in the contents, by offset
   */
  @SuppressWarnings("ArrayRecordComponent")
  record Variable(
      String space,
      String name,
      PtxType type,
      int align,
      long bytes,
      byte @Nullable [] initial,
      Map<Integer, String> pointers,
      int line) {}

  /** A function or kernel; without a body it is a declaration. */
  record Function(
      String name,
      boolean entry,
      List<Variable> results,
      List<Variable> parameters,
      int maxThreads,
      @Nullable List<Statement> body,
      int line) {}
}
