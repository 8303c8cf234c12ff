/** Space and Enter upon a button are for the button, not for the player, which would pause. */
export function keepKeys(event: KeyboardEvent): void {
  if (event.key === ' ' || event.key === 'Enter') {
    event.stopPropagation();
  }
}
