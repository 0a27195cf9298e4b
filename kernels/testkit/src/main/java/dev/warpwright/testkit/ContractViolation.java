package dev.warpwright.testkit;

/** A kernel broke its contract. The message says where, with both values. */
public class ContractViolation extends AssertionError {
  private static final long serialVersionUID = 1L;

  /** A violation described by {@code message}. */
  public ContractViolation(String message) {
    super(message);
  }
}
