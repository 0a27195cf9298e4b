package dev.warpwright.cli.model;

import java.io.IOException;

/**
 * A file of a model is damaged or of a kind that cannot be run. The message names file and field.
 */
public final class ModelFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * Reports one fault.
   *
   * @param file name of the file
   * @param field the field in it, or what else is wrong in it
   * @param problem what is wrong, with the value and what is allowed
   */
  public ModelFormatException(String file, String field, String problem) {
    super(file + ": " + field + ": " + problem);
  }
}
