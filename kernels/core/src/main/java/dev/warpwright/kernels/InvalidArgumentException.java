package dev.warpwright.kernels;

import org.jspecify.annotations.Nullable;

/**
 * An argument was refused before any memory was touched. The message names the argument, its value
 * and what is allowed.
 */
public class InvalidArgumentException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  private final String argument;
  private final String value;
  private final String allowed;

  /**
   * Reports one refused argument.
   *
   * @param argument name of the argument as the caller knows it
   * @param value what was given
   * @param allowed what would have been accepted
   */
  public InvalidArgumentException(String argument, @Nullable Object value, String allowed) {
    super(argument + " is " + value + "; allowed: " + allowed);
    this.argument = argument;
    this.value = String.valueOf(value);
    this.allowed = allowed;
  }

  /** Name of the refused argument. */
  public String argument() {
    return argument;
  }

  /** The value that was given. */
  public String value() {
    return value;
  }

  /** What would have been accepted. */
  public String allowed() {
    return allowed;
  }
}
